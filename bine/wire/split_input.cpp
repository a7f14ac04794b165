#include "bine/wire/split_input.h"

#include "bine/base/text.h"

namespace bine::wire {

std::string to_string(const Transcript& transcript) {
    std::string text = "events \"" + escape(transcript.events) + "\", left \"" + escape(transcript.left) + "\"";
    if (transcript.code) text += ", " + transcript.code.message() + " (" + transcript.error + ")";
    return text;
}

namespace internal {

void report_difference(std::string_view way, const Transcript& whole, const Transcript& other) {
    throw Error(Errc::broken, "in one piece: " + to_string(whole) + "; " + std::string(way) + ": " + to_string(other));
}

// splitmix64: the sequence must be the same on every machine, for ever.
std::size_t Pieces::next(std::size_t most) noexcept {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    const std::size_t length = (mixed & 7u) == 0 ? (mixed >> 3) % 512 : (mixed >> 3) % 6;
    return length < most ? length : most;
}

}  // namespace internal

}  // namespace bine::wire
