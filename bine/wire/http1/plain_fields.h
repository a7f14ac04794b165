// The header field lines that are written as nearly all are, many at once. Inner part of the request parser.
#pragma once

#include <cstddef>
#include <span>

#include "bine/wire/http1/message.h"

namespace bine::http1 {

// Takes lines from the front as long as they are a name, a colon, at most one blank, a value of visible ASCII and blanks
// (none at its ends), CR LF, and there is room. Answers how many; `at` then stands at the first other line, which
// take_field() judges. Where the processor has no AVX2, every line is another one.
std::size_t take_plain_fields(const char*& at, const char* end, std::span<Header> room) noexcept;

}  // namespace bine::http1
