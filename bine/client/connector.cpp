#include "bine/client/connector.h"

#include "bine/client/proxy_tunnel.h"
#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/listen.h"
#include "bine/net/connection_ref.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"
#include "bine/tls/protocols.h"

namespace bine::http {

namespace {

// What the protocols of one attempt share, each of which hands the connection to the next.
struct Opening final : Counted {
    PoolPlace place;
    Promise<Ref<ConnectionHandle>> made;
    ConnectionRef transport;  // the one at the bottom
    ConnectListener* listener = nullptr;
    ConnectionSettings settings;

    void fail(const Error& error) {
        if (made) std::move(made).fail(error);
    }
};

// The innermost: says that the connection is there.
class Ready final : public Protocol {
public:
    explicit Ready(Ref<Opening> opening) : opening_(std::move(opening)) {}

    void connection_made(Transport& transport) override {
        const Ref<Opening> opening = std::move(opening_);
        auto connection = std::make_unique<ClientConnection>(std::move(opening->place), opening->settings.limits,
                                                             opening->settings.keep);
        Ref<ConnectionHandle> handle = connection->handle();
        transport.replace_protocol(std::move(connection), {});
        if (opening->made) std::move(opening->made).resolve(std::move(handle));
    }
    void data_received(std::string_view) override {}

private:
    Ref<Opening> opening_;
};

// The outermost: notes the transport, so that an attempt that is dropped ends with it.
class First final : public Protocol {
public:
    First(Ref<Opening> opening, Factory inner) : opening_(std::move(opening)), inner_(std::move(inner)) {}

    void connection_made(Transport& transport) override {
        if (opening_->listener) opening_->listener->connected();
        opening_->transport = transport.ref();
        transport.replace_protocol(inner_(), {});
    }
    void data_received(std::string_view) override {}

private:
    Ref<Opening> opening_;
    Factory inner_;
};

Factory with_tls(const Ref<Opening>& opening, const Route& route, std::optional<tls::Context> context, Duration limit) {
    return [opening, name = route.secure_name, context = std::move(*context), limit] {
        const auto done = [opening](const Error* error) {
            if (error) opening->fail(*error);
        };
        Factory inner = [opening]() -> std::unique_ptr<Protocol> {
            if (opening->listener) opening->listener->secured();
            return std::make_unique<Ready>(opening);
        };
        const Duration timeout = limit > Duration(0) ? limit : std::chrono::hours(24);
        return tls::client_protocol(context, name, std::move(inner), done, {.timeout = timeout});
    };
}

Factory make_protocols(const Ref<Opening>& opening, const Route& route, std::optional<tls::Context> context,
                       Duration limit) {
    Factory inner = [opening]() -> std::unique_ptr<Protocol> { return std::make_unique<Ready>(opening); };
    if (!route.secure_name.empty()) inner = with_tls(opening, route, std::move(context), limit);
    if (!route.tunnel_to.empty()) {
        inner = [opening, route, inner = std::move(inner)]() mutable -> std::unique_ptr<Protocol> {
            return std::make_unique<ProxyTunnel>(route.tunnel_to, route.tunnel_fields, std::move(inner),
                                                 [opening](const Error& error) { opening->fail(error); });
        };
    }
    return [opening, inner = std::move(inner)]() mutable -> std::unique_ptr<Protocol> {
        return std::make_unique<First>(opening, std::move(inner));
    };
}

Deferred<> dial(Reactor& reactor, const Route& route, Factory factory) {
    const std::string endpoint =
        route.unix_path.empty()
            ? "tcp:" + quote_endpoint_argument(route.host) + ":" + std::to_string(route.port) + ":timeout=86400"
            : "unix:" + quote_endpoint_argument(route.unix_path) + ":timeout=86400";
    return connect(reactor, endpoint, std::move(factory));
}

Deferred<Ref<ConnectionHandle>> open_in_time(Reactor& reactor, const Route& route, ConnectTimes times,
                                             Ref<Opening> opening, Factory factory) {
    Deferred<Ref<ConnectionHandle>> made = opening->made.deferred();
    opening->made.on_cancel([&opening = *opening]() noexcept {
        if (Transport* transport = opening.transport.transport()) transport->abort();
    });
    Deferred<> dialled =
        in_time(reactor, times.connect, times.whole, "it was not connected", dial(reactor, route, std::move(factory)));
    co_await std::move(dialled).or_end();
    Deferred<Ref<ConnectionHandle>> in_limit =
        in_time(reactor, times.handshake, times.whole, "the handshake was not done", std::move(made));
    co_return co_await std::move(in_limit).or_end();
}

}  // namespace

std::string Route::key() const {
    return host + ":" + std::to_string(port) + " " + unix_path + " " + tunnel_to + " " + secure_name;
}

std::string Route::in_words() const {
    const std::string first = unix_path.empty() ? host + ":" + std::to_string(port) : unix_path;
    return tunnel_to.empty() ? first : tunnel_to + " through " + first;
}

Deferred<Ref<ConnectionHandle>> open_connection(Reactor& reactor, Route route, PoolPlace place, ConnectTimes times,
                                                ConnectionSettings settings, std::optional<tls::Context> context,
                                                ConnectListener* listener) {
    const Ref<Opening> opening(new Opening);
    opening->place = std::move(place);
    opening->listener = listener;
    opening->settings = settings;
    Factory factory = make_protocols(opening, route, std::move(context), times.handshake);
    auto made = co_await open_in_time(reactor, route, times, opening, std::move(factory)).as_result();
    if (!made) co_return fail(made.error().with_context("connect to " + route.in_words()));
    co_return std::move(*made);
}

}  // namespace bine::http
