#include "bine/sim/record.h"

#include <algorithm>

namespace bine::sim {

// FNV-1a.
void Record::add(uint64_t word) noexcept {
    for (int i = 0; i < 8; ++i) {
        hash_ = (hash_ ^ (word & 0xff)) * 0x100000001b3;
        word >>= 8;
    }
}

void Record::add(std::string_view text) noexcept {
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
}

// At once, so that a story ends where its process does.
void Record::line(std::string_view text) noexcept {
    if (!story_) return;
    std::fwrite(text.data(), 1, text.size(), story_);
    std::fputc('\n', story_);
    std::fflush(story_);
}

void Record::sometimes(std::string_view label, bool reached) {
    auto found = std::find_if(reached_.begin(), reached_.end(), [&](const auto& one) { return one.first == label; });
    if (found == reached_.end()) found = reached_.emplace(found, label, 0);
    if (reached) ++found->second;
}

}  // namespace bine::sim
