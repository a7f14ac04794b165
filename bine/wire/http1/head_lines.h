// The field lines of a head, or of trailers, while they come: what requests and answers have in common. Inner part of the
// parsers. Holds how far the scan has come, and no bytes.
//
// All lines that are complete are judged, and noted in a table of the caller's, in one pass; when the last one is not there
// yet, only the place of the first incomplete line stays behind. The call that brings the end judges the lines that are
// new; the table of an earlier call is gone then, so the caller goes through all of them once more (`resumed`). What comes
// in one piece is looked at once, anything else twice.
//
// What a line says is judged when its line end is there (a fault found in an unfinished line waits for it). A limit is
// judged as soon as a byte beyond it is there, and goes first.
#pragma once

#include <cstdint>
#include <string_view>

#include "bine/wire/http1/fault.h"
#include "bine/wire/http1/lines.h"
#include "bine/wire/http1/message.h"
#include "bine/wire/protocol.h"

namespace bine::http1 {

// Of all lines together, the first byte of the first one included.
struct LineLimits {
    uint32_t bytes;
    uint32_t fields;  // what is more than HeaderTable::kCapacity counts as that
    Fault too_long;
};

class HeadLines {
public:
    // Nothing has been taken and nothing waits.
    bool untouched() const noexcept { return scanned_ == 0; }
    // A line has been taken, by this call or an earlier one.
    bool resumed() const noexcept { return line_start_ != 0; }
    // Bytes of what has been taken: behind the empty line, when that has come.
    uint32_t size() const noexcept { return line_start_; }

    // The first line, which is no field, by `take(at, end, fault)`: event, and the fields are next.
    template <class Take>
    wire::Step take_first(std::string_view input, uint32_t limit, Fault too_long, Take take, Fault& fault);
    // The fields, up to and with the empty line: event. An error has set `fault`.
    wire::Step take_fields(std::string_view input, HeaderTable& table, const LineLimits& limits, Fault& fault) noexcept;
    // The same for the trailers of a chunked body, which leave `input`: event, and `table` has them all.
    wire::Step take_trailers(std::string_view& input, HeaderTable& table, const LineLimits& limits,
                             Fault& fault) noexcept;

    // There is a byte of the first line that is of no use yet.
    void wait_for_first_line() noexcept { scanned_ = 1; }
    void rewind() noexcept { *this = HeadLines(); }

private:
    bool line_may_be_complete(std::string_view input) const noexcept;
    wire::Step wait_for_line(std::string_view input, uint32_t limit, Fault too_long, Fault& fault) noexcept;
    wire::Step stop_at(Line line, std::string_view input, uint32_t limit, Fault too_long, Fault& fault) noexcept;

    uint32_t line_start_ = 0;  // everything before it is known to be right
    uint32_t scanned_ = 0;     // no line ends between line_start_ and here
    uint16_t fields_ = 0;      // that ended before line_start_
};

template <class Take>
wire::Step HeadLines::take_first(std::string_view input, uint32_t limit, Fault too_long, Take take, Fault& fault) {
    if (!line_may_be_complete(input)) return wait_for_line(input, limit, too_long, fault);
    const char* at = input.data();
    const Line line = take(at, input.data() + input.size(), fault);
    if (line != Line::taken) return stop_at(line, input, limit, too_long, fault);
    line_start_ = scanned_ = static_cast<uint32_t>(at - input.data());
    if (line_start_ <= limit) return wire::Step::event;
    fault = too_long;
    return wire::Step::error;
}

}  // namespace bine::http1
