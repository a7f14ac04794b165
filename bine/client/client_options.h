// How a client behaves: limits of time, size and number. Every one has a default that holds without configuration, and a
// clear error.
#pragma once

#include <cstdint>
#include <string_view>

#include "bine/base/time.h"
#include "bine/wire/http1/response_parser.h"

namespace bine {
class Resolver;
}

namespace bine::http {

class ClientTrace;
class CookieJar;
class ProxySettings;

// What text and pointers here refer to: text is copied by the Client, the others outlive it.
struct ClientOptions {
    // Times; 0: no limit. Each is timed_out when it has passed.
    Duration connect_time = std::chrono::seconds(30);    // name and connection
    Duration handshake_time = std::chrono::seconds(10);  // of TLS, and with a proxy
    Duration head_time = std::chrono::seconds(60);       // from the last byte of the request to the head of its answer
    Duration read_time = std::chrono::seconds(60);       // without a byte of the body, while somebody reads
    Duration write_time = std::chrono::seconds(60);      // without a byte of the request leaving
    Duration continue_time = std::chrono::seconds(1);    // for "100 Continue", then the body is sent without it
    Duration total_time = std::chrono::minutes(5);       // of all, redirects and body included

    // Sizes: limit_exceeded.
    http1::AnswerLimits limits{};      // of what comes over the wire
    uint64_t body = 16 * 1024 * 1024;  // of a body that is read as a whole, decoded
    // Codings (gzip, deflate, br, zstd) are asked for and undone, unless the request has an Accept-Encoding of its own. Beyond
    // a few MiB, a body that inflates to more than so many times its size is refused; 0: to any size.
    bool decode = true;
    uint32_t inflation = 100;

    // Connections that are kept and shared by requests to the same host.
    uint32_t connections = 100;                     // in all
    uint32_t connections_per_host = 10;             // to one host (scheme, name, port, proxy)
    Duration idle_time = std::chrono::seconds(30);  // how long one is kept that nobody uses
    uint32_t requests_per_connection = 0;           // 0: any number

    uint32_t redirects = 10;       // 0: none is followed
    bool allow_downgrade = false;  // follow a redirect from https to http
    bool retry = true;             // ask once more on a new connection when one that was kept turns out to be dead

    std::string_view user_agent{};  // empty: "bine/VERSION"; "-": none is sent
    std::string_view unix_path{};  // connect to this socket, whatever the host; a leading '@' is Linux's abstract space

    // "http://user:password@host:port", https, socks5 (names are looked up here) or socks5h (by the proxy); for all requests.
    std::string_view proxy{};
    // The same by URL: ProxySettings::from_environment(). Does not go together with `proxy`.
    const ProxySettings* proxies = nullptr;

    CookieJar* cookies = nullptr;  // sent and kept
    Resolver* resolver = nullptr;  // null: the system's
    ClientTrace* trace = nullptr;
};

}  // namespace bine::http
