#include "bine/endpoints/proxied.h"

#include "bine/base/log.h"
#include "bine/net/wire_protocol.h"
#include "bine/reactor/reactor.h"
#include "bine/wire/proxy_protocol.h"

namespace bine {

namespace {

constexpr Duration kHeaderTime = std::chrono::seconds(10);

struct Shared final : Counted {
    explicit Shared(Factory f) : inner(std::move(f)) {}
    Factory inner;
    log::Limit log;
};

std::optional<Address> address_of(wire::ProxyHeader::Transport transport, const wire::ProxyAddress& told) {
    using Transport = wire::ProxyHeader::Transport;
    switch (transport) {
        case Transport::tcp4:
        case Transport::tcp6: return Address::try_parse_ip(told.host, told.port);
        case Transport::unix_stream: return Address::unix_path(told.host);
        default: return std::nullopt;
    }
}

class ProxiedConnection final : public WireProtocol<wire::ProxyProtocol>, private Timer {
public:
    explicit ProxiedConnection(Ref<Shared> shared) : shared_(std::move(shared)) {}

    void connection_made(Transport& transport) override {
        WireProtocol::connection_made(transport);
        Reactor& reactor = transport.reactor();
        reactor.timers().arm(*this, reactor.now() + kHeaderTime);
    }
    void connection_lost(const CloseReason&) override { unlink(); }

private:
    void event_received(wire::ProxyHeader& header) override {
        unlink();
        const auto source = address_of(header.transport, header.source);
        const auto destination = address_of(header.transport, header.destination);
        if (source && destination) transport().set_addresses(*destination, *source);
        if (auto next = shared_->inner()) {
            upgrade(std::move(next));
        } else {
            transport().close();
        }
    }

    void protocol_failed(const Error& error) override {
        unlink();
        // A proxy's own health check may connect and say nothing.
        if (error.is(Errc::end_of_stream)) return transport().close();
        refuse(error);
    }

    void expired() override { refuse(Error(Errc::timed_out, "no PROXY header came within 10 s")); }

    void refuse(const Error& error) {
        if (const auto held = shared_->log.allow(transport().reactor().now()); held >= 0) {
            log::warning(
                "net", "refused a connection that should have come through a proxy",
                {{"peer", transport().peer_address().to_string()}, {"error", error.text()}, {"not_logged", held}});
        }
        transport().abort(error);
    }

    Ref<Shared> shared_;
};

}  // namespace

Factory proxied_factory(Factory inner) {
    return [shared = Ref<Shared>(new Shared(std::move(inner)))]() -> std::unique_ptr<Protocol> {
        return std::make_unique<ProxiedConnection>(shared);
    };
}

}  // namespace bine
