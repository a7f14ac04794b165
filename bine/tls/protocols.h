// TLS for any transport: a protocol below, which a TCP, Unix, memory or simulated connection is given, and a transport above,
// which the protocol inside is given once the handshake is done.
//
//     Factory secure = tls::server_factory(context, std::move(inner));                       // each connection of a listener
//     tcp.connect(reactor, [&] { return tls::client_protocol(context, "example.org", ...); }, {});
//     transport.replace_protocol(tls::server_protocol(context, std::move(next)), leftover);  // STARTTLS, RFC 3207
//
// The transport above keeps the contract of all of them: half-close (close_notify), backpressure, files. An end without
// close_notify may be an attack: connection_lost then has an error of end_of_stream ("cut off"), unless both sides had ended.
// What the other side broke is remote_protocol, a certificate that is not believed is not_trusted.
#pragma once

#include <memory>
#include <string>

#include "bine/base/function.h"
#include "bine/base/time.h"
#include "bine/net/protocol.h"

namespace bine::tls {

class Context;  // bine/tls/context.h

struct HandshakeOptions {
    // From connection_made to the last byte of the handshake; then it ends with timed_out.
    Duration timeout = std::chrono::seconds(10);
};

// Called once: with null when the protocol inside has had connection_made, or with why there is none.
using HandshakeDone = Function<void(const Error*)>;

// `inner` is called when the handshake is done. `name`: whom the certificate must be for, a host name or an IP address.
std::unique_ptr<Protocol> client_protocol(Context context, std::string name, Factory inner,
                                          HandshakeDone done = nullptr, HandshakeOptions options = HandshakeOptions());
std::unique_ptr<Protocol> server_protocol(Context context, Factory inner, HandshakeDone done = nullptr,
                                          HandshakeOptions options = HandshakeOptions());

// Protocols of a listener. A handshake costs a hundred times what a request does: of one factory, a few are done in a turn, the
// others wait for the next. A failed one costs a line in the log, one a second at most.
Factory server_factory(Context context, Factory inner, HandshakeOptions options = HandshakeOptions());

}  // namespace bine::tls
