#include "bine/client/set_cookie.h"

#include <algorithm>
#include <array>
#include <string>

#include "bine/base/text.h"
#include "bine/wire/http1/characters.h"

namespace bine::http {

namespace {

using http1::is_digit;
using http1::trim_blanks;

constexpr std::size_t kLongestAttribute = 1024;

bool is_control(char c) noexcept { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f; }

std::string_view take_until(std::string_view& text, char end) noexcept {
    const std::size_t size = std::min(text.find(end), text.size());
    const std::string_view part = text.substr(0, size);
    text.remove_prefix(std::min(size + 1, text.size()));
    return part;
}

SameSite parse_same_site(std::string_view value) noexcept {
    if (equals_ignoring_case(value, "strict")) return SameSite::strict;
    if (equals_ignoring_case(value, "lax")) return SameSite::lax;
    return equals_ignoring_case(value, "none") ? SameSite::none : SameSite::unset;
}

// Nothing when it is no number; what does not fit is as good as the largest.
std::optional<int64_t> parse_max_age(std::string_view value) noexcept {
    const bool negative = value.starts_with('-');
    if (negative) value.remove_prefix(1);
    if (value.empty() || !std::ranges::all_of(value, is_digit)) return std::nullopt;
    if (negative) return 0;
    return static_cast<int64_t>(try_parse_decimal(value, INT32_MAX).value_or(INT32_MAX));
}

void read_attribute(std::string_view name, std::string_view value, SetCookie& cookie) noexcept {
    if (value.size() > kLongestAttribute) return;
    if (equals_ignoring_case(name, "expires")) {
        if (const auto expires = try_parse_cookie_date(value)) cookie.expires = expires;
    } else if (equals_ignoring_case(name, "max-age")) {
        if (const auto age = parse_max_age(value)) cookie.max_age = age;
    } else if (equals_ignoring_case(name, "domain")) {
        cookie.domain = value.substr(value.starts_with('.') ? 1 : 0);
    } else if (equals_ignoring_case(name, "path")) {
        cookie.path = value;
    } else if (equals_ignoring_case(name, "secure")) {
        cookie.secure = true;
    } else if (equals_ignoring_case(name, "httponly")) {
        cookie.http_only = true;
    } else if (equals_ignoring_case(name, "samesite")) {
        cookie.same_site = parse_same_site(value);
    }
}

// --- dates ---

bool is_delimiter(char c) noexcept {
    return c == '\t' || (c >= 0x20 && c <= 0x2f) || (c >= 0x3b && c <= 0x40) || (c >= 0x5b && c <= 0x60) ||
           (c >= 0x7b && c <= 0x7e);
}

std::string_view take_token(std::string_view& text) noexcept {
    const auto* begin = std::ranges::find_if_not(text, is_delimiter);
    const auto* end = std::find_if(begin, text.end(), is_delimiter);
    text = std::string_view(end, text.end());
    return {begin, end};
}

// `least` to `most` digits at the front, with no digit behind them.
std::optional<int> take_number(std::string_view& text, std::size_t least, std::size_t most) noexcept {
    std::size_t size = 0;
    while (size < text.size() && is_digit(text[size])) ++size;
    if (size < least || size > most) return std::nullopt;
    const auto number = try_parse_decimal(text.substr(0, size));
    text.remove_prefix(size);
    return static_cast<int>(*number);
}

struct Date {
    std::optional<std::chrono::seconds> time{};  // of the day
    std::optional<int> day{};
    std::optional<unsigned> month{};
    std::optional<int> year{};
};

bool read_time(std::string_view token, Date& date) noexcept {
    std::array<int, 3> parts{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) {
            if (!token.starts_with(':')) return false;
            token.remove_prefix(1);
        }
        const auto number = take_number(token, 1, 2);
        if (!number) return false;
        parts[i] = *number;
    }
    // A time that cannot be is found all the same, and makes the whole date one that cannot be.
    const bool sane = parts[0] < 24 && parts[1] < 60 && parts[2] < 60;
    date.time = sane ? std::chrono::seconds(parts[0] * 3600 + parts[1] * 60 + parts[2]) : std::chrono::seconds(-1);
    return true;
}

bool read_month(std::string_view token, Date& date) noexcept {
    static constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (unsigned i = 0; i < 12; ++i) {
        if (!equals_ignoring_case(token.substr(0, 3), kMonths.substr(3 * std::size_t{i}, 3))) continue;
        date.month = i + 1;
        return true;
    }
    return false;
}

void read_token(std::string_view token, Date& date) noexcept {
    if (!date.time && read_time(token, date)) return;
    std::string_view rest = token;
    if (!date.day && (date.day = take_number(rest, 1, 2))) return;
    if (!date.month && read_month(token, date)) return;
    rest = token;
    if (!date.year) date.year = take_number(rest, 2, 4);
}

}  // namespace

Result<SetCookie> parse_set_cookie(std::string_view field) {
    if (std::ranges::any_of(field, is_control)) {
        return fail(Errc::invalid_argument, "a cookie with control characters is not kept");
    }
    SetCookie cookie;
    const std::string_view pair = take_until(field, ';');
    const std::size_t equals = pair.find('=');
    if (equals != pair.npos) cookie.name = trim_blanks(pair.substr(0, equals));
    cookie.value = trim_blanks(pair.substr(equals == pair.npos ? 0 : equals + 1));
    if (cookie.name.empty() && cookie.value.empty())
        return fail(Errc::invalid_argument, "a cookie without name and value");
    if (cookie.name.size() + cookie.value.size() > SetCookie::kLongest) {
        return fail(Errc::limit_exceeded, "a cookie of more than 4096 bytes is not kept");
    }
    while (!field.empty()) {
        std::string_view attribute = take_until(field, ';');
        const std::string_view name = trim_blanks(take_until(attribute, '='));
        read_attribute(name, trim_blanks(attribute), cookie);
    }
    return cookie;
}

std::optional<WallTime> try_parse_cookie_date(std::string_view text) noexcept {
    Date date;
    while (!text.empty()) read_token(take_token(text), date);
    if (!date.time || !date.day || !date.month || !date.year || date.time->count() < 0) return std::nullopt;
    int year = *date.year;
    if (year < 70) year += 2000;
    if (year < 100) year += 1900;
    if (year < 1601) return std::nullopt;
    const std::chrono::year_month_day exact(std::chrono::year(year), std::chrono::month(*date.month),
                                            std::chrono::day(static_cast<unsigned>(*date.day)));
    if (!exact.ok()) return std::nullopt;
    if (year < 1970) return WallTime();
    const std::chrono::year_month_day day(std::chrono::year(std::min(year, 2200)), exact.month(), exact.day());
    return WallTime(std::chrono::sys_days(day)) + *date.time;
}

}  // namespace bine::http
