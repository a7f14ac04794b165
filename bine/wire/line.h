// Lines: bytes up to a delimiter, with raw bytes between them when the protocol above asks for some.
// After RFC-style text protocols and Twisted's LineReceiver. One thread; see protocol.h for the lifetime of events.
//
// state   bytes                          event                   next state
// lines   line, delimiter                line, without the delimiter
// lines   more than `limit` before one   error: limit_exceeded
// raw     any, at most what is left      raw, `left` still to come   lines when left is 0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/wire/protocol.h"

namespace bine::wire {

class Line {
public:
    static constexpr std::size_t kLongestDelimiter = 8;
    static constexpr uint64_t kAll = UINT64_MAX;

    struct Options {
        std::string_view delimiter = "\r\n";  // 1 to kLongestDelimiter bytes
        std::size_t limit = 16384;            // of one line, delimiter not counted
    };

    struct Event {
        enum class Kind : uint8_t { line, raw };
        Kind kind = Kind::line;
        std::string_view bytes;
        // Of raw bytes: how many of those asked for are still to come.
        uint64_t left = 0;
    };
    using Message = std::string_view;

    Line() : Line(Options()) {}
    explicit Line(Options options) noexcept;

    Step next(std::string_view& input, Event& event);
    // Errors: end_of_stream inside a line, or when fewer raw bytes came than were asked for.
    Result<> end();
    const Error& error() const noexcept { return failure_.error(); }

    // Appends the line and the delimiter. Errors: local_protocol when the other side would see another line than this
    // one, because it holds the delimiter or runs into it.
    Result<> send(std::string_view line, Output& output) const;

    // The next `count` bytes come raw, in the pieces in which they arrive; then lines again. kAll: until take(0).
    // Call it between two calls of next().
    void take(uint64_t count) noexcept;

private:
    std::string_view delimiter() const noexcept { return {delimiter_.data(), delimiter_size_}; }
    Step next_line(std::string_view& input, Event& event);
    Step next_raw(std::string_view& input, Event& event);

    std::array<char, kLongestDelimiter> delimiter_{};
    uint8_t delimiter_size_;
    std::size_t limit_;
    std::size_t scanned_ = 0;  // bytes at the front of the input that hold no delimiter
    uint64_t raw_ = 0;
    Failure failure_;
};

}  // namespace bine::wire
