#include "bine/client/proxy_tunnel.h"

#include "bine/base/text.h"
#include "bine/wire/http1/request_encoder.h"

namespace bine::http {

namespace {

const http1::AnswerLimits& limits() noexcept {
    static constexpr http1::AnswerLimits kLimits{.head = 16384, .body = 65536};
    return kLimits;
}

}  // namespace

ProxyTunnel::ProxyTunnel(std::string target, std::string fields, Factory inner, Failed failed)
    : WireProtocol(http1::ResponseParser(limits())),
      target_(std::move(target)),
      fields_(std::move(fields)),
      inner_(std::move(inner)),
      failed_(std::move(failed)) {
    wire().expect({.method = http1::Method::connect});
}

void ProxyTunnel::connection_made(Transport& transport) {
    WireProtocol::connection_made(transport);
    Output output;
    http1::RequestEncoder encoder;
    const Result<> sent =
        encoder.head({.method = "CONNECT", .target = target_, .host = target_, .lines = fields_}, output);
    if (!sent) return refuse(sent.error());
    transport.write(std::move(output));
}

void ProxyTunnel::event_received(http1::ResponseEvent& event) {
    if (event.kind == http1::ResponseEvent::Kind::end) return upgrade(inner_());
    if (event.kind != http1::ResponseEvent::Kind::head || wire().changes_protocol()) return;
    std::string text = "the proxy answers CONNECT " + target_ + " with " + std::to_string(event.head.status) + " " +
                       escape(event.head.reason);
    if (event.head.status == 407) text += "; it wants credentials: http://USER:PASSWORD@proxy";
    refuse(Error(Errc::closed, text));
}

void ProxyTunnel::protocol_failed(const Error& error) { refuse(error.with_context("the proxy's answer to CONNECT")); }

void ProxyTunnel::refuse(const Error& error) {
    if (failed_) std::exchange(failed_, nullptr)(error);
    transport().abort();
}

void ProxyTunnel::connection_lost(const CloseReason& reason) {
    const Error error = reason.error() ? *reason.error() : Error(Errc::end_of_stream, "the proxy ended the connection");
    if (failed_) std::exchange(failed_, nullptr)(error);
}

}  // namespace bine::http
