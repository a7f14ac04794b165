// The Set-Cookie field as browsers read it (RFC 6265bis, sections 5.1.1 and 5.6). Parsing is linear and knows no rules but
// those of the text; CookieJar has the others.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "bine/base/result.h"
#include "bine/base/time.h"

namespace bine::http {

enum class SameSite : uint8_t { unset, strict, lax, none };

// Views into the text that was parsed.
struct SetCookie {
    // Name and value together; a longer cookie is refused. Attributes that are longer than 1024 bytes are skipped.
    static constexpr std::size_t kLongest = 4096;

    std::string_view name{};  // empty for "Set-Cookie: value"
    std::string_view value{};
    std::string_view domain{};             // without the dot in front; empty when there is none
    std::string_view path{};               // as it stands; empty when there is none
    std::optional<int64_t> max_age{};      // seconds; what is 0 or less has ended
    std::optional<WallTime> expires{};     // only as good as the clock of its sender: max_age goes first
    SameSite same_site = SameSite::unset;  // kept; who has no pages has no use for it
    bool secure = false;
    bool http_only = false;
};

// Errors: invalid_argument for control characters, for a cookie without name and value, limit_exceeded for a long one.
Result<SetCookie> parse_set_cookie(std::string_view field);

// The lenient dates of cookies: a time, a day, a month and a year, in any order, with anything between them. Years before
// 1970 are moved there, and those behind 2200.
std::optional<WallTime> try_parse_cookie_date(std::string_view text) noexcept;

}  // namespace bine::http
