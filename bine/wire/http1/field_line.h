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

// `stop` is where the name ends, and no colon.
inline Fault what_is_wrong_with_name(const char* start, const char* stop) noexcept {
    if (stop == start && is_blank(*stop)) return Fault::folded_line;
    return is_blank(*stop) ? Fault::blank_before_colon : Fault::bad_field_name;
}

// `at` points to the line's first byte, `end` behind the last byte there is; at < end.
inline Line take_field(const char*& at, const char* end, Header& header, Fault& fault) noexcept {
    const char* const start = at;
    if (*start == '\r') {
        const Line line = take_line_end(at, end, fault, Fault::bad_line_end);
        return line == Line::taken ? Line::empty : line;
    }
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

// Takes the lines that are written as nearly all are: a name of up to sixteen letters, digits and dashes, a colon, at most
// one blank, a value without odd bytes, CR LF. For any other line the answer is false, nothing has moved, and
// take_field() judges it. Goes forward only. Where the processor has no vectors, every line is another one.
#if defined(__SSE2__)
class PlainFields {
public:
    PlainFields(const char* at, const char* end) noexcept : end_(end), marks_(at, end) {}

    // `at` points to the line's first byte; at < end. The one loop that calls it is most of what a server computes; the
    // compilers would not make it a part of that.
    [[gnu::always_inline]] bool take(const char*& at, Header& header) noexcept {
        const char* const start = at;
        if (end_ - start < 16 || *start == '\r') return false;
        const char* const colon = marks_.find_colon(start);
        const std::ptrdiff_t length = colon - start;
        if (length == 0 || length > 16) return false;
        if ((~common_in_names(start) & ((1u << length) - 1)) != 0) return false;
        const char* const stop = marks_.find_odd(colon);
        if (end_ - stop < 2 || stop[0] != '\r' || stop[1] != '\n') return false;
        const char* const value = colon + 1 + (colon[1] == ' ' ? 1 : 0);
        if (*value == ' ' || stop[-1] == ' ') return false;
        header.name = {start, static_cast<std::size_t>(length)};
        header.value = {value, static_cast<std::size_t>(stop - value)};
        at = stop + 2;
        return true;
    }

private:
    const char* const end_;
    Marks marks_;
};
#else
class PlainFields {
public:
    PlainFields(const char*, const char*) noexcept {}
    bool take(const char*&, Header&) noexcept { return false; }
};
#endif

}  // namespace bine::http1
