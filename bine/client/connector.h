// From a route - whom, by which way - to a connection that speaks HTTP: name, TCP or a Unix socket, a way through a proxy,
// TLS. Inner part of the client.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bine/async/deferred.h"
#include "bine/client/client_connection.h"
#include "bine/client/connection_pool.h"
#include "bine/client/time_limit.h"
#include "bine/tls/context.h"
#include "bine/wire/url.h"

namespace bine {
class Reactor;
class Resolver;
}  // namespace bine

namespace bine::http {

struct Route {
    // What is behind the first connection, before TLS.
    enum class Way : uint8_t {
        direct,
        forward,  // a proxy that takes the request itself, in absolute form
        tunnel,   // a proxy that is asked for a way through (CONNECT)
        socks5,   // a SOCKS proxy that is given an address ...
        socks5h,  // ... or a name
    };

    std::string host;  // to connect to
    uint16_t port = 0;
    std::string unix_path{};  // instead of that; a leading '@' is Linux's abstract space
    Way way = Way::direct;
    std::string first_secure_name{};  // of a proxy that is spoken to over TLS
    std::string user{};               // for the proxy
    std::string password{};
    std::string target_host{};  // what the proxy is asked for
    uint16_t target_port = 0;
    std::string secure_name{};  // whom TLS is for, behind all that; empty: no TLS

    bool uses_tls() const noexcept { return !secure_name.empty() || !first_secure_name.empty(); }
    std::string target() const;
    // Equal for those that may share a connection.
    std::string key() const;
    // "example.org:80", "example.org:443 through proxy:3128": for errors.
    std::string in_words() const;
};

struct ConnectTimes {
    Duration connect, handshake;  // 0: no limit
    Deadline whole;
};

struct ConnectionSettings {
    http1::AnswerLimits limits;
    KeepOptions keep;
    Resolver* resolver = nullptr;  // null: the system's
};

// What is told on the way.
class ConnectListener {
public:
    virtual void resolved() = 0;
    virtual void connected() = 0;
    virtual void secured() = 0;

protected:
    ~ConnectListener() = default;
};

// `context` only where the route has TLS; `listener` may be null and outlives the Deferred. Dropping it gives the attempt up,
// and its place. Errors: with the route and what was being done.
Deferred<Ref<ConnectionHandle>> open_connection(Reactor& reactor, Route route, PoolPlace place, ConnectTimes times,
                                                ConnectionSettings settings, std::optional<tls::Context> context,
                                                ConnectListener* listener);

}  // namespace bine::http
