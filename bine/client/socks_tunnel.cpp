#include "bine/client/socks_tunnel.h"

namespace bine::http {

// The client speaks first.
void SocksTunnel::connection_made(Transport& transport) {
    WireProtocol::connection_made(transport);
    resume();
}

void SocksTunnel::event_received(wire::Socks5Client::Event& event) {
    if (event.kind == wire::Socks5Client::Event::Kind::connected) return upgrade(inner_());
    transport().write(event.bytes);
}

void SocksTunnel::protocol_failed(const Error& error) {
    if (failed_) std::exchange(failed_, nullptr)(error);
    transport().abort();
}

void SocksTunnel::connection_lost(const CloseReason& reason) {
    const Error error =
        reason.error() ? *reason.error() : Error(Errc::end_of_stream, "the SOCKS proxy ended the connection");
    if (failed_) std::exchange(failed_, nullptr)(error);
}

}  // namespace bine::http
