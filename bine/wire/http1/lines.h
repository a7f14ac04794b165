// What the lines of a head are made of. Inner part of the parsers.
#pragma once

#include "bine/wire/http1/fault.h"
#include "bine/wire/http1/message.h"

namespace bine::http1 {

enum class Line : uint8_t {
    taken,       // `at` stands behind it
    empty,       // the empty line behind the fields; `at` stands behind it
    incomplete,  // no fault so far, and no line end
    bad,         // see the fault; the line may be incomplete
};

// `at` points to the line's first byte, `end` behind the last byte there is; at < end.
// Sets method, target, version, and as path what is before the first '?'; says nothing yet about the form of the target.
Line take_request_line(const char*& at, const char* end, RequestHead& head, Fault& fault) noexcept;

// Sets status, reason and version. The blank behind the status may be missing where there is no reason.
Line take_status_line(const char*& at, const char* end, AnswerHead& head, Fault& fault) noexcept;

// Splits the target, as the method demands. Fault::none when it is right.
Fault split_target(RequestHead& head) noexcept;

// Whether a field of that name and value may be sent: a token, no control bytes, no blanks at the ends.
bool is_sendable(std::string_view name, std::string_view value) noexcept;

// host [ ":" port ], as Host and targets hold it; an empty text is none.
bool is_authority(std::string_view text) noexcept;

}  // namespace bine::http1
