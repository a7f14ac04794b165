// Pseudo-random numbers that are the same on every machine, unlike the distributions of <random>.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

// splitmix64.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    // A number from `low` to `high`, both included.
    std::size_t between(std::size_t low, std::size_t high) { return low + next() % (high - low + 1); }

private:
    std::uint64_t state_;
};

}  // namespace bench
