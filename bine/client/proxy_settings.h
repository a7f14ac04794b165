// Which proxy a request goes through, as the environment says it: http_proxy, https_proxy, all_proxy and no_proxy, in the
// manner of curl. A value; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/function.h"
#include "bine/base/result.h"
#include "bine/wire/url.h"

namespace bine::http {

struct ProxyServer {
    enum class Kind : uint8_t {
        http,     // requests for http in absolute form, CONNECT for the others
        https,    // the same, over TLS to the proxy
        socks5,   // SOCKS 5; names are looked up here
        socks5h,  // and by the proxy
    };

    Kind kind = Kind::http;
    std::string host;
    uint16_t port = 0;
    std::string user;  // empty: none
    std::string password;

    // "http://user:password@host:port"; without a scheme http is meant, without a port that of the scheme (1080 for SOCKS).
    // Errors: invalid_argument, unsupported for SOCKS 4 and other schemes.
    static Result<ProxyServer> parse(std::string_view text);
    // Without user and password, for logs.
    std::string to_string() const;
};

// Hosts that are asked without a proxy: the value of no_proxy.
class ProxyExceptions {
public:
    ProxyExceptions() = default;
    // "*", or a list with commas or blanks between: a name means itself and all below it (a dot in front makes no
    // difference), an address itself, "10.0.0.0/8" and "fd00::/8" all addresses in it. What is none of these is never met.
    explicit ProxyExceptions(std::string_view text);

    // `host` without brackets, in any case.
    bool has(std::string_view host) const;

private:
    struct Network {
        std::string bytes;  // 4 or 16
        unsigned bits = 0;
    };
    void add(std::string_view element);

    bool all_ = false;
    std::vector<std::string> names_;
    std::vector<Network> networks_;
};

class ProxySettings {
public:
    // What a name stands for; nothing when it is not set.
    using Environment = Function<std::optional<std::string>(std::string_view name)>;

    // No proxy at all.
    ProxySettings() = default;
    // One for all, but the exceptions.
    explicit ProxySettings(ProxyServer proxy, ProxyExceptions exceptions = {});
    // Names in lower case go first; HTTP_PROXY in capitals is never looked at, since web servers let strangers set it. An
    // empty value is none. Errors: those of ProxyServer::parse, with the name of the variable.
    static Result<ProxySettings> from_environment(Environment& environment);

    // The proxy for a request to `url`; null: go there directly. Valid as long as the settings.
    const ProxyServer* choose(const Url& url) const;

private:
    std::optional<ProxyServer> http_;
    std::optional<ProxyServer> https_;
    ProxyExceptions exceptions_;
};

}  // namespace bine::http
