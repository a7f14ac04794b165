#include "bine/wire/url.h"

#include <algorithm>
#include <array>

#include "bine/base/text.h"
#include "bine/wire/http1/target.h"
#include "bine/wire/ip_text.h"

namespace bine {

namespace {

constexpr std::size_t kLongestHost = 253;  // RFC 1035
constexpr std::size_t kLongestLabel = 63;

struct Scheme {
    std::string_view name;
    uint16_t port;
};
constexpr std::array<Scheme, 7> kSchemes{
    {{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}, {"socks5", 1080}, {"socks5h", 1080}, {"ftp", 21}}};

bool is_letter(char c) noexcept { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
bool is_unreserved(char c) noexcept { return is_letter(c) || is_digit(c) || std::string_view("-._~").contains(c); }
bool is_sub_delimiter(char c) noexcept { return std::string_view("!$&'()*+,;=").contains(c); }
bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_pair(std::string_view text, std::size_t at) noexcept {
    return text.size() - at >= 3 && is_hex(text[at + 1]) && is_hex(text[at + 2]);
}

char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c; }

std::unexpected<Error> wrong(std::string_view what, std::string_view text) {
    return fail(Errc::invalid_argument, "a URL " + std::string(what) + ": " + escape(text.substr(0, 200)));
}

void append_encoded(std::string& output, char c) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    const auto byte = static_cast<uint8_t>(c);
    output += {'%', kHex[byte >> 4], kHex[byte & 15]};
}

// A path, query or fragment in its normal form; `allowed` is what may stand there besides pchar.
std::string normalise(std::string_view text, std::string_view allowed) {
    std::string normal;
    normal.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '%' && is_pair(text, i)) {
            const std::string decoded = *http1::percent_decode(text.substr(i, 3));
            if (is_unreserved(decoded.front())) {
                normal += decoded;
            } else {
                normal += {'%', upper(text[i + 1]), upper(text[i + 2])};
            }
            i += 2;
        } else if (is_unreserved(c) || is_sub_delimiter(c) || c == ':' || c == '@' || allowed.contains(c)) {
            normal += c;
        } else {
            append_encoded(normal, c);
        }
    }
    return normal;
}

// Of the scheme that `text` begins with, without the colon; 0 when it begins with none.
std::size_t scheme_length(std::string_view text) noexcept {
    std::size_t at = 0;
    while (at < text.size() &&
           (is_letter(text[at]) || (at > 0 && (is_digit(text[at]) || std::string_view("+-.").contains(text[at])))))
        ++at;
    return at > 0 && at < text.size() && text[at] == ':' ? at : 0;
}

bool is_host_character(char c) noexcept { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }

// A last label of digits only, or hexadecimal as C writes it, is what resolvers may take for an address.
bool looks_like_number(std::string_view label) noexcept {
    if (label.empty()) return false;
    if (std::ranges::all_of(label, is_digit)) return true;
    return label.starts_with("0x") && std::ranges::all_of(label.substr(2), is_hex);
}

Result<> check_labels(std::string_view host) {
    std::string_view rest = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
    if (rest.empty() || host.size() > kLongestHost) return wrong("has a host that is empty or too long", host);
    std::string_view label;
    for (bool more = true; more;) {
        const std::size_t dot = std::min(rest.find('.'), rest.size());
        label = rest.substr(0, dot);
        more = dot < rest.size();
        rest.remove_prefix(std::min(dot + 1, rest.size()));
        if (label.empty() || label.size() > kLongestLabel) return wrong("has a host with an empty or long label", host);
        if (!std::ranges::all_of(label, is_host_character))
            return wrong("has a host with a byte that no name holds", host);
    }
    if (looks_like_number(label)) return wrong("has a host that ends in a number and is no IPv4 address", host);
    return {};
}

}  // namespace

uint16_t default_port(std::string_view scheme) noexcept {
    for (const Scheme& known : kSchemes) {
        if (known.name == scheme) return known.port;
    }
    return 0;
}

// A reference, taken apart (RFC 3986 appendix B) and not looked at.
struct Url::Parts {
    std::optional<std::string_view> scheme;
    std::optional<std::string_view> authority;
    std::string_view path;
    std::optional<std::string_view> query;
    std::optional<std::string_view> fragment;

    static Result<Parts> of(std::string_view text) {
        if (text.size() > kLongest) return fail(Errc::limit_exceeded, "a URL is longer than 65536 bytes");
        if (std::ranges::any_of(text, is_control)) return wrong("holds a control byte", text);
        Parts parts;
        if (const std::size_t length = scheme_length(text)) {
            parts.scheme = text.substr(0, length);
            text.remove_prefix(length + 1);
        }
        parts.fragment = cut(text, '#');
        parts.query = cut(text, '?');
        if (text.starts_with("//")) {
            text.remove_prefix(2);
            const std::size_t end = std::min(text.find('/'), text.size());
            parts.authority = text.substr(0, end);
            text.remove_prefix(end);
        }
        parts.path = text;
        return parts;
    }

    // What is behind the first `mark`, which leaves `text`.
    static std::optional<std::string_view> cut(std::string_view& text, char mark) noexcept {
        const std::size_t at = text.find(mark);
        if (at == std::string_view::npos) return std::nullopt;
        const std::string_view behind = text.substr(at + 1);
        text = text.substr(0, at);
        return behind;
    }
};

Result<Url> Url::parse(std::string_view text) {
    const Result<Parts> parts = Parts::of(text);
    if (!parts) return fail(parts.error());
    if (!parts->scheme) return wrong("begins with its scheme, as in http://example.org/", text);
    if (!parts->authority) return wrong("has \"//\" and a host behind its scheme", text);
    return make(*parts);
}

Result<Url> Url::make(const Parts& parts) {
    Url url;
    url.scheme_ = to_lower(*parts.scheme);
    url.port_ = default_port(url.scheme_);
    if (Result<> taken = url.take_authority(*parts.authority); !taken) return fail(taken.error());
    if (Result<> taken = url.take_rest(parts); !taken) return fail(taken.error());
    return url;
}

Result<> Url::take_authority(std::string_view text) {
    const std::size_t at = text.rfind('@');
    if (at != std::string_view::npos) {
        if (Result<> taken = take_credentials(text.substr(0, at)); !taken) return taken;
        text.remove_prefix(at + 1);
    }
    const std::size_t close = text.starts_with('[') ? text.find(']') : 0;
    if (close == std::string_view::npos) return wrong("has a '[' without its ']'", text);
    const std::size_t host = close == 0 ? std::min(text.find(':'), text.size()) : close + 1;
    if (host < text.size()) {
        if (text[host] != ':') return wrong("has something between its host and its port", text);
        if (Result<> taken = take_port(text.substr(host + 1)); !taken) return taken;
    }
    return take_host(text.substr(0, host));
}

Result<> Url::take_credentials(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_unreserved(c) || is_sub_delimiter(c) || c == ':' || (c == '%' && is_pair(text, i))) continue;
        return fail(Errc::invalid_argument, "a URL has a user or password with a byte that has to be written as %XX");
    }
    const std::size_t colon = std::min(text.find(':'), text.size());
    user_ = *http1::percent_decode(text.substr(0, colon));
    password_ = *http1::percent_decode(text.substr(std::min(colon + 1, text.size())));
    if (std::ranges::any_of(user_ + password_, is_control)) {
        return fail(Errc::invalid_argument, "a URL has a control byte in its user or password");
    }
    return {};
}

Result<> Url::take_host(std::string_view text) {
    if (text.starts_with('[')) {
        std::string_view inside = text.substr(1, text.size() - 2);
        const std::size_t percent = std::min(inside.find("%25"), inside.size());
        const std::string_view zone = inside.substr(std::min(percent + 3, inside.size()));
        const auto address = wire::try_parse_ipv6(inside.substr(0, percent));
        const bool good_zone = percent == inside.size() || (!zone.empty() && std::ranges::all_of(zone, is_unreserved));
        if (!address || !good_zone) return wrong("has brackets without an IPv6 address", text);
        host_ = wire::to_text(*address);
        if (!zone.empty()) host_.append("%").append(zone);
        ipv6_ = true;
        return {};
    }
    if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
        return wrong("has a host that is not ASCII, which has to be written in its \"xn--\" form (punycode)", text);
    }
    host_ = to_lower(text);
    if (wire::try_parse_ipv4(host_)) return {};
    return check_labels(host_);
}

Result<> Url::take_port(std::string_view text) {
    if (text.empty()) return {};
    const auto port = try_parse_decimal(text, 65535);
    if (!port || *port == 0) return wrong("has a port that is not a number from 1 to 65535", text);
    port_ = static_cast<uint16_t>(*port);
    return {};
}

Result<> Url::take_rest(const Parts& parts) {
    const std::string path = normalise(parts.path, "/");
    path_ = path.empty() ? "/" : *http1::normalize_path(path);
    if (parts.query) query_.emplace(normalise(*parts.query, "/?"));
    if (parts.fragment) fragment_.emplace(normalise(*parts.fragment, "/?"));
    if (path_.size() > 3 * kLongest) return fail(Errc::limit_exceeded, "a URL is too long");
    return {};
}

Result<Url> Url::resolve(std::string_view reference) const {
    const Result<Parts> parts = Parts::of(reference);
    if (!parts) return fail(parts.error());
    if (parts->scheme) return parse(reference);
    if (parts->authority) {
        Parts whole = *parts;
        whole.scheme = scheme_;
        return make(whole);
    }
    Url url(*this);
    Parts rest = *parts;
    std::string merged;
    if (rest.path.empty()) {
        rest.path = path_;
        if (!rest.query && query_) rest.query = *query_;
    } else if (!rest.path.starts_with('/')) {
        merged = path_.substr(0, path_.rfind('/') + 1) + std::string(rest.path);
        rest.path = merged;
    }
    url.query_.reset();
    url.fragment_.reset();
    if (Result<> taken = url.take_rest(rest); !taken) return fail(taken.error());
    return url;
}

std::string Url::target() const { return query_ ? path_ + "?" + *query_ : path_; }

std::string Url::authority() const {
    return port_ == default_port(scheme_) ? host_and_port().substr(0, host_and_port().rfind(':')) : host_and_port();
}

std::string Url::host_and_port() const {
    const std::string host = host_.substr(0, host_.find('%'));  // a zone means nothing to the other side
    return (ipv6_ ? "[" + host + "]" : host) + ":" + std::to_string(port_);
}

std::string Url::origin() const { return scheme_ + "://" + authority(); }

bool Url::same_origin(const Url& other) const noexcept {
    return scheme_ == other.scheme_ && host_ == other.host_ && port_ == other.port_;
}

std::string Url::to_string() const {
    std::string text = origin() + target();
    if (fragment_) text.append("#").append(*fragment_);
    return text;
}

std::string Url::with_credentials() const {
    std::string text = to_string();
    if (!has_credentials()) return text;
    std::string credentials = http1::percent_encode(user_);
    if (!password_.empty()) credentials.append(":").append(http1::percent_encode(password_));
    return text.insert(scheme_.size() + 3, credentials + "@");
}

void Url::append_query(std::string_view name, std::string_view value) {
    if (!query_ || query_->empty()) {
        query_.emplace();
    } else {
        query_->append("&");
    }
    query_->append(http1::percent_encode(name)).append("=").append(http1::percent_encode(value));
}

void Url::set_credentials(std::string user, std::string password) {
    user_ = std::move(user);
    password_ = std::move(password);
}

void Url::clear_credentials() noexcept {
    user_.clear();
    password_.clear();
}

}  // namespace bine
