#include "bine/client/client.h"

#include "bine/base/version.h"
#include "bine/client/client_state.h"

namespace bine::http {

namespace {

Result<ProxySettings> proxy_for_all(std::string_view text) {
    if (text.empty()) return ProxySettings();
    Result<ProxyServer> server = ProxyServer::parse(text);
    if (!server) return fail(server.error().with_context("ClientOptions::proxy"));
    return ProxySettings(std::move(*server));
}

}  // namespace

Client::State::State(Reactor& r, const ClientOptions& given, std::optional<tls::Context> tls)
    : reactor(r),
      options(given),
      user_agent(given.user_agent),
      unix_path(given.unix_path),
      context(std::move(tls)),
      proxy(proxy_for_all(given.proxy)),
      pool(new ConnectionPool(given.connections, given.connections_per_host)) {
    if (user_agent.empty()) user_agent = "bine/" + std::string(version());
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
