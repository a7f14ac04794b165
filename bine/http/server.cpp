#include "bine/http/server.h"

#include "bine/async/within.h"
#include "bine/http/server_connection.h"
#include "bine/http/server_state.h"
#include "bine/reactor/reactor.h"
#include "bine/reactor/shutdown.h"
#include "bine/wire/http1/date.h"
#include "bine/wire/http1/lines.h"

namespace bine::http {

Server::State::State(Handler root_handler, const ServerOptions& wanted)
    : handler(std::move(root_handler)), options(wanted) {
    if (!options.name.empty()) {
        if (!http1::is_sendable("Server", options.name)) {
            throw Error(Errc::invalid_argument, "the name of a server is the value of a header field");
        }
        common_.append("Server: ").append(options.name).append("\r\n");
    }
    date_at_ = common_.size();
    common_.append("Date: ").append(http1::format_date(WallTime()).view()).append("\r\n");
}

// Wall time is asked once a second, when it is about to change.
void Server::State::refresh_date(Reactor& reactor) {
    const WallTime now = reactor.wall_now();
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    date_until_ = reactor.now() + (second + std::chrono::seconds(1) - now);
    http1::format_date(now).view().copy(common_.data() + date_at_ + 6, 29);
}

std::string_view Server::State::common_lines(const Fields& fields, Reactor& reactor) {
    if (reactor.now() >= date_until_) refresh_date(reactor);
    std::string_view lines = common_;
    if (fields.has_date()) lines = lines.substr(0, date_at_);
    if (fields.has_server()) lines.remove_prefix(date_at_);
    return lines;
}

Server::Server(Handler handler, ServerOptions options) : state_(std::make_unique<State>(std::move(handler), options)) {}

Server::~Server() {
    while (ServerConnection* connection = state_->connections.front()) connection->lose_server();
}

std::unique_ptr<Protocol> Server::make_protocol() {
    if (state_->draining) return nullptr;
    return std::make_unique<ServerConnection>(*state_);
}

Factory Server::factory() {
    return [this] { return make_protocol(); };
}

void Server::drain(Duration quiet) {
    state_->draining = true;
    state_->connections.for_each([quiet](ServerConnection& connection) { connection.drain(quiet); });
}

void Server::State::connection_gone() {
    if (--connection_count > 0 || !drained) return;
    Promise<> waiter = std::move(*drained);
    drained.reset();
    std::move(waiter).resolve();
}

Deferred<> Server::drained() {
    if (state_->connection_count == 0) return ready();
    return state_->drained.emplace().deferred();
}

void Server::drain_at_shutdown(Reactor& reactor, Duration grace) {
    reactor.shutdown().add(Shutdown::Phase::before, [this, &reactor, grace]() -> Deferred<> {
        drain();
        co_await within(reactor, grace, drained()).as_result();
    });
}

bool Server::draining() const noexcept { return state_->draining; }
std::size_t Server::connections() const noexcept { return state_->connection_count; }
uint64_t Server::requests_answered() const noexcept { return state_->answered; }

}  // namespace bine::http
