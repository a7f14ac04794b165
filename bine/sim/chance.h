// Where a simulated run takes all its chances from. A run is the list of what was chosen, one number a choice: the same
// list gives the same run, and a list with more zeros in it a plainer one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bine::sim {

// The choices of a run, in order. Behind the end of a list every choice is 0.
using Choices = std::vector<uint64_t>;

// "3=1 17=250": the choices that are not 0, as a person can pass them on.
std::string to_text(const Choices& choices);
// Errors: throws Error (invalid_argument) for what to_text() did not write.
Choices parse_choices(std::string_view text);

class Chance {
public:
    // Draws; the same from the same seed, on every machine and from every compiler.
    explicit Chance(uint64_t seed) noexcept : seed_(seed), state_(seed), draws_(true) {}
    // Gives `choices` again.
    Chance(uint64_t seed, Choices choices) noexcept : seed_(seed), given_(std::move(choices)) {}

    // One of 0 to n - 1; n from 1 on. 0 is the plainest: no fault, the shortest latency, the order of arrival.
    uint64_t choose(uint64_t n);

    uint64_t seed() const noexcept { return seed_; }
    const Choices& made() const noexcept { return made_; }
    Choices take_made() && noexcept { return std::move(made_); }

private:
    uint64_t seed_;
    uint64_t state_ = 0;
    bool draws_ = false;
    Choices given_;
    Choices made_;
};

}  // namespace bine::sim
