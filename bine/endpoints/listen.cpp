#include "bine/endpoints/listen.h"

namespace bine {

Deferred<Port> listen(Reactor& reactor, std::string_view endpoint, Factory factory, ListenerOptions options) {
    Endpoints endpoints;
    return listen(reactor, endpoint, std::move(factory), options, endpoints);
}

Deferred<Port> listen(Reactor& reactor, std::string_view endpoint, Factory factory, ListenerOptions options,
                      Endpoints& endpoints) {
    auto server = endpoints.server(endpoint);
    if (!server) return failed(server.error());
    return (*server)->listen(reactor, std::move(factory), options);
}

Deferred<Port> listen(Reactor& reactor, std::string_view endpoint, StreamHandler handler, ListenerOptions options) {
    return listen(reactor, endpoint, stream_factory(std::move(handler)), options);
}

Deferred<> connect(Reactor& reactor, std::string_view endpoint, Factory factory, ConnectionOptions options) {
    Endpoints endpoints;
    return connect(reactor, endpoint, std::move(factory), options, endpoints);
}

Deferred<> connect(Reactor& reactor, std::string_view endpoint, Factory factory, ConnectionOptions options,
                   Endpoints& endpoints) {
    auto client = endpoints.client(endpoint);
    if (!client) return failed(client.error());
    return (*client)->connect(reactor, std::move(factory), options);
}

Deferred<Stream> connect(Reactor& reactor, std::string_view endpoint, ConnectionOptions options) {
    NewStream made;
    Factory factory = [protocol = std::move(made.protocol)]() mutable { return std::move(protocol); };
    co_await connect(reactor, endpoint, std::move(factory), options);
    co_return std::move(made.stream);
}

}  // namespace bine
