// What the names in endpoint strings mean. A value: copy nothing, register nothing globally; a program adds its own.
//
//     Endpoints endpoints;
//     endpoints.add_server("quiet", [](const EndpointDescription& d) -> Result<std::unique_ptr<ServerEndpoint>> {...});
//     auto port = co_await listen(reactor, "quiet:7000", factory, {}, endpoints);
//
// There from the start, as servers:
//     tcp:PORT[:interface=IP][:backlog=N][:reuseport=yes]       tcp6: the same on IPv6 (interface=[::])
//     unix:PATH[:mode=600][:backlog=N]                          a leading @ is Linux's abstract space
//     stdio:                                                    one connection: standard input and output
//     fd:N                                                      a listening socket that the parent left open
//     systemd:index=N  systemd:name=NAME                        one of those passed by LISTEN_FDS
//     haproxy:ENDPOINT                                          any of these behind a proxy that sends PROXY v1 or v2
// and as clients:
//     tcp:HOST:PORT[:bind=IP][:timeout=SECONDS]  tcp6: the same on IPv6  unix:PATH[:timeout=SECONDS]
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bine/base/descriptor.h"
#include "bine/net/options.h"
#include "bine/net/port.h"
#include "bine/net/protocol.h"

namespace bine {

class Reactor;
class Resolver;
struct EndpointDescription;  // bine/endpoints/endpoint_string.h

// Where to listen, understood and not yet done. Used once: by listen(), or by open() and the others.
class ServerEndpoint {
public:
    virtual ~ServerEndpoint() = default;
    // Errors: those of the system, with the address in the text.
    virtual Deferred<Port> listen(Reactor& reactor, Factory factory, const ListenerOptions& options) = 0;

    // For several reactors that listen together (shared_endpoint.h): a listening socket, another one at the place of that
    // `first`, and a Port out of either, which any thread may make. Errors: unsupported, where one reactor has to do it all.
    virtual Result<Descriptor> open();
    virtual Result<Descriptor> open_another(int first);
    virtual Deferred<Port> adopt(Reactor& reactor, Descriptor socket, Factory factory, const ListenerOptions& options);
};

// Whom to connect to.
class ClientEndpoint {
public:
    virtual ~ClientEndpoint() = default;
    // Ends when the protocol has had connection_made. Dropping the Deferred gives up the attempt.
    virtual Deferred<> connect(Reactor& reactor, Factory factory, const ConnectionOptions& options) = 0;
    // Who answers for names from now on; the system's resolver, if nobody does. An endpoint that wraps another hands it on;
    // one without names has no use for it. Lifetime: `resolver` outlives what is being connected.
    virtual void use_resolver(Resolver& resolver) noexcept { (void)resolver; }
};

class Endpoints {
public:
    using ServerMaker = Function<Result<std::unique_ptr<ServerEndpoint>>(const EndpointDescription&)>;
    using ServerWrapper = Function<Result<std::unique_ptr<ServerEndpoint>>(std::unique_ptr<ServerEndpoint> inner)>;
    using ClientMaker = Function<Result<std::unique_ptr<ClientEndpoint>>(const EndpointDescription&)>;

    Endpoints();
    ~Endpoints();
    Endpoints(Endpoints&&) noexcept;
    Endpoints& operator=(Endpoints&&) noexcept;

    // A name that is there already gets the new meaning.
    void add_server(std::string name, ServerMaker maker);
    // "name:" before another server endpoint.
    void add_server_wrapper(std::string name, ServerWrapper wrapper);
    void add_client(std::string name, ClientMaker maker);

    // Who answers for the names of hosts in clients that are made from now on, in place of the system's resolver. Lifetime:
    // `resolver` outlives this, and what is being connected.
    void set_resolver(Resolver& resolver) noexcept;

    // Errors: invalid_argument, not_found with the names that are known.
    Result<std::unique_ptr<ServerEndpoint>> server(std::string_view text);
    Result<std::unique_ptr<ClientEndpoint>> client(std::string_view text);

private:
    struct Tables;
    std::unique_ptr<Tables> tables_;
};

}  // namespace bine
