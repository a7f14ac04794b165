// What happened in a world: a hash of all of it, and on request a story for people.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bine::sim {

class Record {
public:
    void add(uint64_t word) noexcept;
    void add(std::string_view text) noexcept;
    // Equal for equal runs, whatever the compiler, its flags and the memory's layout.
    uint64_t hash() const noexcept { return hash_; }

    void tell(std::FILE* story) noexcept { story_ = story; }
    bool telling() const noexcept { return story_ != nullptr; }
    void line(std::string_view text) noexcept;

    // How often each state was asked for, and whether it was reached.
    void sometimes(std::string_view label, bool reached);
    const std::vector<std::pair<std::string, uint64_t>>& reached() const noexcept { return reached_; }

private:
    uint64_t hash_ = 0xcbf29ce484222325;
    std::FILE* story_ = nullptr;
    std::vector<std::pair<std::string, uint64_t>> reached_;
};

}  // namespace bine::sim
