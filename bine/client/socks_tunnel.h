// Asks a SOCKS proxy for a way through (RFC 1928), and hands the connection to what speaks behind it. Inner part of the client.
#pragma once

#include "bine/base/function.h"
#include "bine/net/wire_protocol.h"
#include "bine/wire/socks5.h"

namespace bine::http {

class SocksTunnel final : public WireProtocol<wire::Socks5Client> {
public:
    using Failed = Function<void(const Error&)>;

    // `failed` is called at most once, and not when `inner` is.
    SocksTunnel(wire::Socks5Client client, Factory inner, Failed failed)
        : WireProtocol(std::move(client)), inner_(std::move(inner)), failed_(std::move(failed)) {}

    void connection_made(Transport& transport) override;
    void connection_lost(const CloseReason& reason) override;

private:
    void event_received(wire::Socks5Client::Event& event) override;
    void protocol_failed(const Error& error) override;

    Factory inner_;
    Failed failed_;
};

}  // namespace bine::http
