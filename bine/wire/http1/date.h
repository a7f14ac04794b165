// Dates as HTTP writes them (RFC 9110 section 5.6.7), to the second.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "bine/base/time.h"

namespace bine::http1 {

// "Sun, 06 Nov 1994 08:49:37 GMT". For the years 1970 to 9999; what lies outside is moved to the nearest.
struct DateText {
    std::array<char, 29> text;
    std::string_view view() const noexcept { return {text.data(), text.size()}; }
};
DateText format_date(WallTime time) noexcept;

// That form and the two obsolete ones: "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". The day of the week must
// be one, but need not be the right one. Two digits are the year nearest to `now` that is at most 50 years ahead.
// Nothing for anything else, and for years before 1970 or after 2261.
std::optional<WallTime> parse_date(std::string_view text, WallTime now = {}) noexcept;

}  // namespace bine::http1
