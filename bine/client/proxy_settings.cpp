#include "bine/client/proxy_settings.h"

#include <algorithm>
#include <array>
#include <utility>

#include "bine/base/text.h"
#include "bine/wire/ip_text.h"

namespace bine::http {

namespace {

using Kind = ProxyServer::Kind;

struct Scheme {
    std::string_view name;
    Kind kind;
    uint16_t port;
};

constexpr std::array kSchemes = {
    Scheme{"http", Kind::http, 80},
    Scheme{"https", Kind::https, 443},
    Scheme{"socks5", Kind::socks5, 1080},
    Scheme{"socks5h", Kind::socks5h, 1080},
};

// The bytes of an IP address; empty for a name. Those that are IPv4 within IPv6 are IPv4.
std::string address_bytes(std::string_view host) {
    constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    if (const auto address = wire::try_parse_ipv4(host)) return {address->begin(), address->end()};
    const auto address = wire::try_parse_ipv6(host);
    if (!address) return {};
    std::string bytes(address->begin(), address->end());
    if (bytes.starts_with(kMapped)) bytes.erase(0, kMapped.size());
    return bytes;
}

bool same_network(std::string_view address, std::string_view network, unsigned bits) noexcept {
    if (address.size() != network.size()) return false;
    const std::size_t whole = bits / 8;
    if (address.substr(0, whole) != network.substr(0, whole)) return false;
    if (bits % 8 == 0) return true;
    const unsigned differ = static_cast<uint8_t>(address[whole]) ^ static_cast<uint8_t>(network[whole]);
    return differ >> (8 - bits % 8) == 0;
}

std::string_view without_brackets(std::string_view host) noexcept {
    return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

std::string_view without_dots(std::string_view name) noexcept {
    if (name.starts_with('.')) name.remove_prefix(1);
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
}

// The first of the names that is set to something.
Result<std::optional<ProxyServer>> find_proxy(ProxySettings::Environment& environment,
                                              std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        const std::optional<std::string> value = environment(name);
        if (!value || value->empty()) continue;
        Result<ProxyServer> proxy = ProxyServer::parse(*value);
        if (!proxy) return fail(proxy.error().with_context(name));
        return *std::move(proxy);
    }
    return std::nullopt;
}

}  // namespace

Result<ProxyServer> ProxyServer::parse(std::string_view text) {
    const bool named = text.find("://") != text.npos;
    const Result<Url> url = Url::parse(named ? std::string(text) : "http://" + std::string(text));
    if (!url) return fail(url.error());
    const auto scheme = std::ranges::find(kSchemes, url->scheme(), &Scheme::name);
    if (scheme == kSchemes.end()) {
        return fail(Errc::unsupported, "a proxy of the kind \"" + escape(url->scheme()) +
                                           "\" is not known; http, https, socks5 and socks5h are");
    }
    return ProxyServer{.kind = scheme->kind,
                       .host = url->host(),
                       .port = url->port() != 0 ? url->port() : scheme->port,
                       .user = url->user(),
                       .password = url->password()};
}

std::string ProxyServer::to_string() const {
    const std::string_view scheme = std::ranges::find(kSchemes, kind, &Scheme::kind)->name;
    const bool brackets = host.find(':') != std::string::npos;
    return std::string(scheme) + "://" + (brackets ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

ProxyExceptions::ProxyExceptions(std::string_view text) {
    constexpr std::string_view kBetween = ", \t";
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(kBetween), text.size());
        add(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

void ProxyExceptions::add(std::string_view element) {
    if (element == "*") all_ = true;
    const std::size_t slash = element.find('/');
    std::string bytes = address_bytes(without_brackets(element.substr(0, slash)));
    if (bytes.empty()) {
        if (const auto name = without_dots(element); !name.empty()) names_.push_back(to_lower(name));
        return;
    }
    auto bits = static_cast<unsigned>(bytes.size() * 8);
    if (slash != element.npos) {
        const auto number = try_parse_decimal(element.substr(slash + 1), bits);
        if (!number) return;
        bits = static_cast<unsigned>(*number);
    }
    networks_.push_back({std::move(bytes), bits});
}

bool ProxyExceptions::has(std::string_view host) const {
    if (all_) return true;
    if (const std::string bytes = address_bytes(host); !bytes.empty()) {
        return std::ranges::any_of(
            networks_, [&](const Network& network) { return same_network(bytes, network.bytes, network.bits); });
    }
    const std::string name = to_lower(host.substr(0, host.size() - (host.ends_with('.') ? 1 : 0)));
    return std::ranges::any_of(names_, [&](const std::string& known) {
        return name == known || (name.ends_with(known) && name[name.size() - known.size() - 1] == '.');
    });
}

ProxySettings::ProxySettings(ProxyServer proxy, ProxyExceptions exceptions)
    : http_(proxy), https_(std::move(proxy)), exceptions_(std::move(exceptions)) {}

Result<ProxySettings> ProxySettings::from_environment(Environment& environment) {
    ProxySettings settings;
    auto http = find_proxy(environment, {"http_proxy", "all_proxy", "ALL_PROXY"});
    if (!http) return fail(http.error());
    auto https = find_proxy(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
    if (!https) return fail(https.error());
    settings.http_ = *std::move(http);
    settings.https_ = *std::move(https);
    for (const std::string_view name : {"no_proxy", "NO_PROXY"}) {
        const std::optional<std::string> value = environment(name);
        if (!value) continue;
        settings.exceptions_ = ProxyExceptions(*value);
        break;
    }
    return settings;
}

const ProxyServer* ProxySettings::choose(const Url& url) const {
    const std::optional<ProxyServer>& proxy = url.is_secure() ? https_ : http_;
    return proxy && !exceptions_.has(url.host()) ? &*proxy : nullptr;
}

}  // namespace bine::http
