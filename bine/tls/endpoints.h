// Endpoint strings with TLS, for bine/endpoints/endpoints.h:
//
//     Endpoints endpoints;
//     tls::add_endpoints(endpoints);
//     auto port = co_await listen(reactor, "ssl:8443:certKey=cert.pem:privateKey=key.pem", factory, {}, endpoints);
//
// as servers:
//     ssl:PORT:certKey=FILE[:privateKey=FILE][:interface=IP][:alpn=h2,http/1.1][:clientCA=FILE]    tcp with TLS on it; the
//                                                key is looked for in certKey, too
//     tls:ENDPOINT                               any other, with the context that add_endpoints() was given
// and as clients:
//     tls:HOST:PORT[:name=HOST][:ca=FILE][:alpn=...][:bind=IP][:timeout=SECONDS]     verified against the system's trust;
//                                                the timeout is for connecting, and again for the handshake
#pragma once

#include <memory>
#include <string>

#include "bine/base/function.h"
#include "bine/endpoints/endpoints.h"
#include "bine/tls/protocols.h"

namespace bine::tls {

// Told of each context that a "ssl:PORT" makes, for a program that wants to reload() it.
using ContextMade = Function<void(const Context&)>;

// `server` is for "tls:ENDPOINT", `client` for "tls:HOST:PORT" without a ca; both may be null.
void add_endpoints(Endpoints& endpoints, const Context* server = nullptr, const Context* client = nullptr,
                   ContextMade made = nullptr);

// TLS over another endpoint.
std::unique_ptr<ServerEndpoint> over(std::unique_ptr<ServerEndpoint> inner, Context context,
                                     HandshakeOptions options = HandshakeOptions());
std::unique_ptr<ClientEndpoint> over(std::unique_ptr<ClientEndpoint> inner, Context context, std::string name,
                                     HandshakeOptions options = HandshakeOptions());

}  // namespace bine::tls
