#include "bine/client/client.h"

#include "bine/base/version.h"
#include "bine/client/client_state.h"
#include "bine/wire/http1/lines.h"

namespace bine::http {

Client::State::State(Reactor& r, const ClientOptions& given, std::optional<tls::Context> tls)
    : reactor(r),
      options(given),
      user_agent(given.user_agent),
      unix_path(given.unix_path),
      context(std::move(tls)),
      pool(new ConnectionPool(given.connections, given.connections_per_host)) {
    if (user_agent.empty()) user_agent = "bine/" + std::string(version());
    if (!http1::is_sendable("User-Agent", user_agent)) {
        wrong_option = Error(Errc::local_protocol, "ClientOptions::user_agent is no value of a header field");
    }
    if (!given.proxy.empty()) {
        if (Result<ProxyServer> server = ProxyServer::parse(given.proxy); server) {
            proxy = std::make_unique<const ProxySettings>(std::move(*server));
            options.proxies = proxy.get();
        } else {
            wrong_option = server.error().with_context("ClientOptions::proxy");
        }
    }
    options.user_agent = options.unix_path = options.proxy = {};
}

Result<std::optional<tls::Context>> Client::State::context_for(const Route& route) {
    if (!route.uses_tls()) return std::nullopt;
    if (!context) {
        Result<tls::Context> made = tls::Context::client();
        if (!made) return fail(made.error());
        context = std::move(*made);
    }
    return context;
}

Client::Client(Reactor& reactor, const ClientOptions& options) : state_(new State(reactor, options, std::nullopt)) {}

Client::Client(Reactor& reactor, const ClientOptions& options, const tls::Context& tls)
    : state_(new State(reactor, options, tls)) {}

Client::~Client() {
    const Ref<State> state = std::move(state_);
    state->scope.cancel();
    state->pool->close();
}

Deferred<ClientResponse> Client::send(ClientRequest request) {
    const Ref<ClientTrip> trip(new ClientTrip(state_, std::move(request)));
    return state_->scope.run(ClientTrip::travel(trip));
}

std::size_t Client::connections() const noexcept { return state_->pool->places(); }
std::size_t Client::idle_connections() const noexcept { return state_->pool->idle(); }
void Client::close_idle() noexcept { state_->pool->close_idle(); }

}  // namespace bine::http
