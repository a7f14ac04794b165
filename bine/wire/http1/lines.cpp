#include "bine/wire/http1/lines.h"

#include <algorithm>
#include <cstring>

#include "bine/base/text.h"
#include "bine/wire/http1/field_line.h"
#include "bine/wire/http1/scan.h"

namespace bine::http1 {

namespace {

// "HTTP/d.d" at `at`, which moves behind it.
Line take_version(const char*& at, const char* end, int& version, Fault& fault) noexcept {
    if (end - at >= 8 && std::memcmp(at, "HTTP/1.1", 8) == 0) {
        at += 8;
        version = 11;
        return Line::taken;
    }
    static constexpr std::string_view kPattern = "HTTP/0.0";
    for (const char wanted : kPattern) {
        if (at == end) return Line::incomplete;
        if (wanted == '0' ? !is_digit(*at) : *at != wanted) {
            return bad(fault, *at == '\n' ? Fault::bad_request_line : Fault::bad_version);
        }
        ++at;
    }
    version = (at[-3] - '0') * 10 + (at[-1] - '0');
    return Line::taken;
}

bool is_line_end(char c) noexcept { return c == '\r' || c == '\n'; }

}  // namespace

Line take_request_line(const char*& at, const char* end, RequestHead& head, Fault& fault) noexcept {
    const char* const start = at;
    const bool gets = end - start >= 4 && std::memcmp(start, "GET ", 4) == 0;
    const char* const method_end = gets ? start + 3 : skip(kToken, start, end);
    if (method_end == end) return Line::incomplete;
    if (*method_end != ' ' || method_end == start) {
        return bad(fault, is_line_end(*method_end) ? Fault::bad_request_line : Fault::bad_method);
    }
    const char* const target = method_end + 1;
    const char* const path_end = skip_path(target, end);
    const char* const target_end = skip(kTarget, path_end, end);
    if (target_end == end) return Line::incomplete;
    if (*target_end != ' ' || target_end == target) {
        return bad(fault, is_line_end(*target_end) ? Fault::bad_request_line : Fault::bad_target);
    }
    const char* next = target_end + 1;
    int version = 0;
    if (const Line line = take_version(next, end, version, fault); line != Line::taken) return line;
    if (const Line line = take_line_end(next, end, fault, Fault::bad_request_line); line != Line::taken) return line;
    if (version != 10 && version != 11) return bad(fault, Fault::unsupported_version);

    head.method_name = {start, static_cast<std::size_t>(method_end - start)};
    head.method = gets ? Method::get : method_of(head.method_name);
    head.target = {target, static_cast<std::size_t>(target_end - target)};
    head.path = {target, static_cast<std::size_t>(path_end - target)};
    head.minor_version = static_cast<uint8_t>(version - 10);
    at = next;
    return Line::taken;
}

namespace {

// Three digits, the first of which is none of "0".
Line take_status(const char*& at, const char* end, int& status, Fault& fault) noexcept {
    status = 0;
    for (int i = 0; i < 3; ++i, ++at) {
        if (at == end) return Line::incomplete;
        if (!is_digit(*at)) return bad(fault, is_line_end(*at) ? Fault::bad_status_line : Fault::bad_status);
        status = status * 10 + (*at - '0');
    }
    return status >= 100 ? Line::taken : bad(fault, Fault::bad_status);
}

}  // namespace

Line take_status_line(const char*& at, const char* end, AnswerHead& head, Fault& fault) noexcept {
    const char* next = at;
    int version = 0;
    if (Line line = take_version(next, end, version, fault); line != Line::taken) {
        if (line == Line::bad && fault == Fault::bad_request_line) fault = Fault::bad_status_line;
        return line;
    }
    if (next == end) return Line::incomplete;
    if (*next != ' ') return bad(fault, is_line_end(*next) ? Fault::bad_status_line : Fault::bad_version);
    if (const Line line = take_status(++next, end, head.status, fault); line != Line::taken) return line;
    if (next == end) return Line::incomplete;
    if (*next != ' ' && *next != '\r' && *next != '\n') return bad(fault, Fault::bad_status);
    const char* const reason = *next == ' ' ? next + 1 : next;
    const char* const stop = skip_value(reason, end);
    next = stop;
    if (const Line line = take_line_end(next, end, fault, Fault::bad_status_line); line != Line::taken) return line;
    if (version != 10 && version != 11) return bad(fault, Fault::unsupported_version);
    head.reason = {reason, static_cast<std::size_t>(stop - reason)};
    head.minor_version = static_cast<uint8_t>(version - 10);
    at = next;
    return Line::taken;
}

namespace {

bool is_hex_digit(char c) noexcept { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

// Of the name or the IPv4 address that `text` begins with: what may stand before the port.
std::size_t host_name_length(std::string_view text) noexcept {
    const char* at = text.data();
    const char* const end = at + text.size();
    while ((at = skip(kHost, at, end)) != end) {
        if (*at != '%' || end - at < 3 || !is_hex_digit(at[1]) || !is_hex_digit(at[2])) break;
        at += 3;
    }
    return static_cast<std::size_t>(at - text.data());
}

bool is_ip_literal(std::string_view text) noexcept {
    for (const char c : text) {
        if (!is_hex_digit(c) && c != ':' && c != '.') return false;
    }
    return text.size() >= 2;
}

bool is_port(std::string_view text) noexcept { return text.empty() || try_parse_decimal(text, 65535).has_value(); }

Fault split_absolute(RequestHead& head) noexcept {
    std::string_view rest = head.target;
    const std::size_t scheme_end = rest.find("://");
    if (scheme_end == std::string_view::npos) return Fault::bad_target;
    const std::string_view scheme = rest.substr(0, scheme_end);
    if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) return Fault::bad_target;
    rest.remove_prefix(scheme_end + 3);
    const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
    head.authority = rest.substr(0, authority_end);
    if (!is_authority(head.authority)) return Fault::bad_target;
    rest.remove_prefix(authority_end);
    const std::size_t question = std::min(rest.find('?'), rest.size());
    head.path = question == 0 ? std::string_view("/") : rest.substr(0, question);
    head.query = rest.substr(std::min(question + 1, rest.size()));
    head.form = TargetForm::absolute;
    return Fault::none;
}

Fault split_authority(RequestHead& head) noexcept {
    const bool has_port = head.target.size() > 1 && is_digit(head.target.back());
    if (!has_port || head.target.find(':') == std::string_view::npos || !is_authority(head.target))
        return Fault::bad_target;
    head.authority = head.target;
    head.path = head.query = {};
    head.form = TargetForm::authority;
    return Fault::none;
}

}  // namespace

bool is_sendable(std::string_view name, std::string_view value) noexcept {
    if (name.empty() || skip_name(name.data(), name.data() + name.size()) != name.data() + name.size()) return false;
    if (value.empty()) return true;
    if (is_blank(value.front()) || is_blank(value.back())) return false;
    return skip_value(value.data(), value.data() + value.size()) == value.data() + value.size();
}

bool is_authority(std::string_view text) noexcept {
    if (is_common_host(text)) return true;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos || !is_ip_literal(text.substr(1, close - 1))) return false;
        text.remove_prefix(close + 1);
        return text.empty() || (text.front() == ':' && is_port(text.substr(1)));
    }
    const std::size_t name = host_name_length(text);
    return name != 0 && (name == text.size() || (text[name] == ':' && is_port(text.substr(name + 1))));
}

Fault split_target(RequestHead& head) noexcept {
    if (head.method == Method::connect) return split_authority(head);
    if (head.target.front() == '/') {
        head.query = head.target.substr(std::min(head.path.size() + 1, head.target.size()));
        head.authority = {};
        head.form = TargetForm::origin;
        return Fault::none;
    }
    if (head.target == "*") {
        if (head.method != Method::options) return Fault::bad_target;
        head.path = head.target;
        head.query = head.authority = {};
        head.form = TargetForm::asterisk;
        return Fault::none;
    }
    return split_absolute(head);
}

}  // namespace bine::http1
