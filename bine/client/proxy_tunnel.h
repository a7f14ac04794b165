// Asks an HTTP proxy for a way through (CONNECT, RFC 9110 section 9.3.6), and hands the connection to what speaks behind it.
// Inner part of the client.
#pragma once

#include <memory>
#include <string>

#include "bine/base/function.h"
#include "bine/net/wire_protocol.h"
#include "bine/wire/http1/response_parser.h"

namespace bine::http {

class ProxyTunnel final : public WireProtocol<http1::ResponseParser> {
public:
    using Failed = Function<void(const Error&)>;

    // `target` is "host:port", `fields` are lines for the question. `failed` is called at most once, and not when `inner` is.
    ProxyTunnel(std::string target, std::string fields, Factory inner, Failed failed);

    void connection_made(Transport& transport) override;
    void connection_lost(const CloseReason& reason) override;

private:
    void event_received(http1::ResponseEvent& event) override;
    void protocol_failed(const Error& error) override;
    void refuse(const Error& error);

    const std::string target_;
    const std::string fields_;
    Factory inner_;
    Failed failed_;
};

}  // namespace bine::http
