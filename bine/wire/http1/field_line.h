// One header field line, found and judged in one pass. Inner part of the request parser.
#pragma once

#include "bine/wire/http1/lines.h"
#include "bine/wire/http1/scan.h"

namespace bine::http1 {

inline Line bad(Fault& fault, Fault what) noexcept {
    fault = what;
    return Line::bad;
}

// `at` is where CR LF must be. Anything else there is `otherwise`, but a lone CR or LF is a bad line end.
inline Line take_line_end(const char*& at, const char* end, Fault& fault, Fault otherwise) noexcept {
    if (end - at >= 2 && at[0] == '\r' && at[1] == '\n') {
        at += 2;
        return Line::taken;
    }
    if (at == end) return Line::incomplete;
    if (*at == '\n') return bad(fault, Fault::bad_line_end);
    if (*at != '\r') return bad(fault, otherwise);
    return at + 1 == end ? Line::incomplete : bad(fault, Fault::bad_line_end);
}

// `at` points to a CR.
inline Line take_empty_line(const char*& at, const char* end, Fault& fault) noexcept {
    const Line line = take_line_end(at, end, fault, Fault::bad_line_end);
    return line == Line::taken ? Line::empty : line;
}

// `stop` is where the name ends, and no colon.
inline Fault what_is_wrong_with_name(const char* start, const char* stop) noexcept {
    if (stop == start && is_blank(*stop)) return Fault::folded_line;
    return is_blank(*stop) ? Fault::blank_before_colon : Fault::bad_field_name;
}

// `at` points to the line's first byte, `end` behind the last byte there is; at < end.
inline Line take_field(const char*& at, const char* end, Header& header, Fault& fault) noexcept {
    const char* const start = at;
    if (*start == '\r') return take_empty_line(at, end, fault);
    const char* const colon = skip_name(start, end);
    if (colon == end) return Line::incomplete;
    if (*colon != ':' || colon == start) return bad(fault, what_is_wrong_with_name(start, colon));

    const char* value = colon + 1;
    while (value != end && is_blank(*value)) ++value;
    const char* stop = skip_value(value, end);
    const char* next = stop;
    const Line line = take_line_end(next, end, fault, Fault::bad_field_value);
    if (line != Line::taken) return line;

    while (stop != value && is_blank(stop[-1])) --stop;
    header.name = {start, static_cast<std::size_t>(colon - start)};
    header.value = {value, static_cast<std::size_t>(stop - value)};
    at = next;
    return Line::taken;
}

}  // namespace bine::http1
