#include "bine/client/connector.h"

#include "bine/client/auth.h"
#include "bine/client/proxy_tunnel.h"
#include "bine/client/socks_tunnel.h"
#include "bine/net/connection_ref.h"
#include "bine/net/happy_eyeballs.h"
#include "bine/net/resolver.h"
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
    bool secure = false;
    bool resolved = false;

    void fail(const Error& error) {
        place.release();
        if (made) std::move(made).fail(error);
    }
};

// Another resolver, and tells the first answer, as the families may be asked for apart.
class ToldResolver final : public Resolver {
public:
    ToldResolver(Resolver& inner, Ref<Opening> opening) : inner_(inner), opening_(std::move(opening)) {}

    bool asks_families_apart() const noexcept override { return inner_.asks_families_apart(); }

private:
    Deferred<std::vector<Address>> look_up(std::string host, uint16_t port, Address::Family family) override {
        return inner_.resolve(std::move(host), port, family).then([opening = opening_](std::vector<Address> found) {
            if (opening->listener && !std::exchange(opening->resolved, true)) opening->listener->resolved();
            return found;
        });
    }

    Resolver& inner_;
    const Ref<Opening> opening_;
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
        opening_->transport = transport.ref();
        transport.replace_protocol(inner_(), {});
    }
    void data_received(std::string_view) override {}

private:
    Ref<Opening> opening_;
    Factory inner_;
};

// TLS for `name` round what `inner` makes.
Factory with_tls(const Ref<Opening>& opening, std::string name, const tls::Context& context, Duration limit,
                 Factory inner) {
    return [opening, name = std::move(name), context, limit, inner = std::move(inner)]() mutable {
        const auto done = [opening](const Error* error) {
            if (error) opening->fail(*error);
        };
        const Duration timeout = limit > Duration(0) ? limit : std::chrono::hours(24);
        return tls::client_protocol(context, name, std::move(inner), done, {.timeout = timeout});
    };
}

Factory with_tunnel(const Ref<Opening>& opening, const Route& route, Factory inner) {
    std::string fields;
    if (!route.user.empty()) {
        const auto proof = basic_authorization(route.user, route.password);
        if (proof) fields = "Proxy-Authorization: " + *proof + "\r\n";
    }
    return [opening, target = route.target(), fields = std::move(fields),
            inner = std::move(inner)]() mutable -> std::unique_ptr<Protocol> {
        return std::make_unique<ProxyTunnel>(target, fields, std::move(inner),
                                             [opening](const Error& error) { opening->fail(error); });
    };
}

Factory with_socks(const Ref<Opening>& opening, const Route& route, Factory inner) {
    return [opening, route, inner = std::move(inner)]() mutable -> std::unique_ptr<Protocol> {
        auto client = wire::Socks5Client::make({.host = route.target_host, .port = route.target_port},
                                               {.user = route.user, .password = route.password});
        if (!client) throw client.error();
        return std::make_unique<SocksTunnel>(std::move(*client), std::move(inner),
                                             [opening](const Error& error) { opening->fail(error); });
    };
}

// `inner` begins when the server is reached, or a proxy that asks it for us.
Factory telling_connected(const Ref<Opening>& opening, Factory inner) {
    return [opening, inner = std::move(inner)]() mutable {
        if (opening->listener) opening->listener->connected();
        return inner();
    };
}

// From the inside out.
Factory make_protocols(const Ref<Opening>& opening, const Route& route, const std::optional<tls::Context>& context,
                       Duration limit) {
    Factory inner = [opening]() -> std::unique_ptr<Protocol> {
        if (opening->listener && opening->secure) opening->listener->secured();
        return std::make_unique<Ready>(opening);
    };
    opening->secure = !route.secure_name.empty();
    if (!route.secure_name.empty()) inner = with_tls(opening, route.secure_name, *context, limit, std::move(inner));
    inner = telling_connected(opening, std::move(inner));
    if (route.way == Route::Way::tunnel) inner = with_tunnel(opening, route, std::move(inner));
    if (route.way == Route::Way::socks5 || route.way == Route::Way::socks5h) {
        inner = with_socks(opening, route, std::move(inner));
    }
    if (!route.first_secure_name.empty()) {
        inner = with_tls(opening, route.first_secure_name, *context, limit, std::move(inner));
    }
    return [opening, inner = std::move(inner)]() mutable -> std::unique_ptr<Protocol> {
        return std::make_unique<First>(opening, std::move(inner));
    };
}

Deferred<> dial(Reactor& reactor, const Route& route, Factory factory, Resolver& resolver) {
    if (route.unix_path.empty()) {
        return connect_to_host(reactor, resolver, route.host, route.port, std::move(factory));
    }
    std::string path = route.unix_path;
    if (path.front() == '@') path.front() = '\0';
    if (path.size() > 107) return failed(Errc::invalid_argument, "the path of a Unix socket has at most 107 bytes");
    const Address address = Address::unix_path(path);
    return connect_to_any(reactor, {&address, 1}, std::move(factory));
}

Deferred<Ref<ConnectionHandle>> open_in_time(Reactor& reactor, const Route& route, ConnectTimes times,
                                             Ref<Opening> opening, Factory factory, Resolver& resolver) {
    Deferred<Ref<ConnectionHandle>> made = opening->made.deferred();
    opening->made.on_cancel([&opening = *opening]() noexcept {
        if (Transport* transport = opening.transport.transport()) transport->abort();
    });
    Deferred<> dialled = in_time(reactor, times.connect, times.whole, "it was not connected",
                                 dial(reactor, route, std::move(factory), resolver));
    co_await std::move(dialled).or_end();
    Deferred<Ref<ConnectionHandle>> in_limit =
        in_time(reactor, times.handshake, times.whole, "the handshake was not done", std::move(made));
    co_return co_await std::move(in_limit).or_end();
}

std::string place(const std::string& host, uint16_t port) {
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

// Of an address, the driver has said the same already.
Error on_route(const Error& error, const Route& route) {
    const std::string context = "connect to " + route.in_words();
    return error.text().starts_with(context + ": ") ? error : error.with_context(context);
}

}  // namespace

std::string Route::target() const { return place(target_host, target_port); }

std::string Route::key() const {
    const std::string there = target_host.empty() ? std::string() : target();
    return host + " " + std::to_string(port) + " " + unix_path + " " + std::to_string(static_cast<int>(way)) + " " +
           first_secure_name + " " + user + " " + password + " " + there + " " + secure_name;
}

std::string Route::in_words() const {
    const std::string first = unix_path.empty() ? place(host, port) : unix_path;
    return target_host.empty() ? first : target() + " through the proxy " + first;
}

Deferred<Ref<ConnectionHandle>> open_connection(Reactor& reactor, Route route, PoolPlace place, ConnectTimes times,
                                                ConnectionSettings settings, std::optional<tls::Context> context,
                                                ConnectListener* listener) {
    const Ref<Opening> opening(new Opening);
    opening->place = std::move(place);
    opening->listener = listener;
    opening->settings = settings;
    SystemResolver system(reactor);
    ToldResolver resolver(settings.resolver ? *settings.resolver : static_cast<Resolver&>(system), opening);
    if (route.way == Route::Way::socks5) {
        const auto found = co_await in_time(reactor, times.connect, times.whole, "the name was not found",
                                            resolver.resolve(route.target_host, route.target_port))
                               .as_result();
        if (!found) co_return fail(found.error().with_context("connect to " + route.in_words()));
        route.target_host = found->front().host();
    }
    Factory factory = make_protocols(opening, route, context, times.handshake);
    auto made = co_await open_in_time(reactor, route, times, opening, std::move(factory), resolver).as_result();
    if (!made) co_return fail(on_route(made.error(), route));
    co_return std::move(*made);
}

}  // namespace bine::http
