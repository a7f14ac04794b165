// From an endpoint string to connections, in both directions.
#pragma once

#include <string_view>

#include "bine/endpoints/endpoints.h"
#include "bine/net/stream.h"

namespace bine {

// Listens at `endpoint` ("tcp:7000:interface=127.0.0.1") and gives every connection a protocol. Errors: an endpoint that
// nobody understands, an address in use.
Deferred<Port> listen(Reactor& reactor, std::string_view endpoint, Factory factory,
                      ListenerOptions options = ListenerOptions());
Deferred<Port> listen(Reactor& reactor, std::string_view endpoint, Factory factory, ListenerOptions options,
                      Endpoints& endpoints);
// The same for connections that a coroutine serves.
Deferred<Port> listen(Reactor& reactor, std::string_view endpoint, StreamHandler handler,
                      ListenerOptions options = ListenerOptions());

// Connects to `endpoint` ("tcp:127.0.0.1:7000"); ends when the protocol has had connection_made.
Deferred<> connect(Reactor& reactor, std::string_view endpoint, Factory factory,
                   ConnectionOptions options = ConnectionOptions());
Deferred<> connect(Reactor& reactor, std::string_view endpoint, Factory factory, ConnectionOptions options,
                   Endpoints& endpoints);
Deferred<Stream> connect(Reactor& reactor, std::string_view endpoint, ConnectionOptions options = ConnectionOptions());

}  // namespace bine
