// The cookies.txt of Netscape: a line a cookie, seven fields with tabs between them, "#HttpOnly_" in front of some.
#include <algorithm>
#include <array>

#include "bine/base/text.h"
#include "bine/client/cookie_jar.h"

namespace bine::http {

namespace {

constexpr std::string_view kHttpOnly = "#HttpOnly_";
constexpr std::string_view kHead = "# Netscape HTTP Cookie File\n# Written by bine, read by curl and wget, too.\n\n";
// Of a cookie that never ends there is no number; the largest that fits WallTime.
constexpr uint64_t kLatest = 9'000'000'000;
// The URL standard's forbidden host code points, but for those of addresses. A line that began with # would be a comment.
constexpr std::string_view kNotInHosts = " #/<>?@\\^|";

enum Field : uint8_t { kDomain, kBelow, kPath, kSecure, kExpires, kName, kValue, kFields };

std::string_view as_text(bool flag) noexcept { return flag ? "TRUE" : "FALSE"; }

uint64_t seconds_of(const Cookie& cookie) {
    if (cookie.is_of_session()) return 0;
    const auto since = std::chrono::ceil<std::chrono::seconds>(cookie.expires.time_since_epoch());
    return static_cast<uint64_t>(std::max<int64_t>(since.count(), 1));
}

std::string line_of(const Cookie& cookie) {
    std::string line(cookie.http_only ? kHttpOnly : "");
    line += (cookie.host_only ? "" : ".") + cookie.domain + '\t';
    line += std::string(as_text(!cookie.host_only)) + '\t' + cookie.path + '\t';
    line += std::string(as_text(cookie.secure)) + '\t' + std::to_string(seconds_of(cookie)) + '\t';
    return line + cookie.name + '\t' + cookie.value + '\n';
}

bool is_control(char c) noexcept { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f; }

// The value is what is left, tabs included; it may be missing.
bool part_fields(std::string_view line, std::array<std::string_view, kFields>& fields) noexcept {
    for (std::size_t i = 0; i < kValue; ++i) {
        const std::size_t tab = line.find('\t');
        if (tab == line.npos && i != kName) return false;
        fields[i] = line.substr(0, tab);
        line.remove_prefix(tab == line.npos ? line.size() : tab + 1);
    }
    fields[kValue] = line;
    return true;
}

// Whether the line is one; `cookie` is filled then.
bool read_line(std::string_view line, Cookie& cookie) {
    if (std::ranges::any_of(line, is_control)) return false;
    cookie.http_only = line.starts_with(kHttpOnly);
    if (cookie.http_only) line.remove_prefix(kHttpOnly.size());
    std::array<std::string_view, kFields> fields;
    if (!part_fields(line, fields)) return false;
    const auto expires = try_parse_decimal(fields[kExpires]);
    const std::string_view domain = fields[kDomain].substr(fields[kDomain].starts_with('.') ? 1 : 0);
    if (domain.empty() || domain.starts_with('.') || domain.find_first_of(kNotInHosts) != domain.npos) return false;
    if (!expires || !fields[kPath].starts_with('/')) return false;
    for (const Field flag : {kBelow, kSecure}) {
        if (!equals_ignoring_case(fields[flag], "true") && !equals_ignoring_case(fields[flag], "false")) return false;
    }
    cookie.domain = to_lower(domain);
    cookie.host_only = equals_ignoring_case(fields[kBelow], "false");
    cookie.path = fields[kPath];
    cookie.secure = equals_ignoring_case(fields[kSecure], "true");
    if (*expires != 0) cookie.expires = WallTime(std::chrono::seconds(std::min(*expires, kLatest)));
    cookie.name = fields[kName];
    cookie.value = fields[kValue];
    return !cookie.name.empty() || !cookie.value.empty();
}

}  // namespace

std::string CookieJar::save(WallTime now) const {
    std::string text(kHead);
    for (const auto& [name, site] : sites_) {
        for (const Entry& entry : site) {
            if (entry.cookie.expires > now) text += line_of(entry.cookie);
        }
    }
    return text;
}

Result<> CookieJar::load(std::string_view text, WallTime now) {
    std::vector<Cookie> cookies;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || (line.starts_with('#') && !line.starts_with(kHttpOnly))) continue;
        if (!read_line(line, cookies.emplace_back())) {
            return fail(Errc::invalid_argument, "line " + std::to_string(number) +
                                                    " is no cookie: seven fields with tabs between them are wanted");
        }
    }
    for (Cookie& cookie : cookies) keep(std::move(cookie), now);
    return {};
}

}  // namespace bine::http
