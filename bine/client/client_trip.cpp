#include <algorithm>

#include "bine/client/client_state.h"
#include "bine/client/redirect.h"

namespace bine::http {

namespace {

constexpr uint64_t kWorthReading = 65536;  // bytes of a redirect's body, to keep its connection
constexpr Duration kDrainTime = std::chrono::seconds(1);

}  // namespace

// Tells what happens to an exchange, which may outlive the trip's own coroutine.
class ClientTrip::Listener final : public ExchangeListener {
public:
    explicit Listener(Ref<ClientTrip> trip) : trip_(std::move(trip)) {}

    void request_sent() override { trace().sent(trip_->trip()); }
    void interim_received(int status) override { trace().interim(trip_->trip(), status); }
    void exchange_ended(uint64_t body_bytes, const Error* error) override {
        if (error) {
            trace().failed(trip_->trip(), *error);
        } else {
            trace().done(trip_->trip(), body_bytes);
        }
    }

private:
    ClientTrace& trace() const { return *trip_->state_->options.trace; }
    Ref<ClientTrip> trip_;
};

ClientTrip::ClientTrip(Ref<Client::State> state, ClientRequest request)
    : state_(std::move(state)),
      request_(std::make_shared<ClientRequest>(std::move(request))),
      number_(++state_->trips) {
    const Duration total = request_->total_time().value_or(state_->options.total_time);
    if (total > Duration(0)) deadline_ = {time_after(state_->reactor, total), total};
}

void ClientTrip::connected() {
    const TimePoint now = state_->reactor.now();
    if (ClientTrace* trace = state_->options.trace) trace->connected(trip(), now - began_);
    began_ = now;
}

void ClientTrip::secured() {
    if (ClientTrace* trace = state_->options.trace) trace->secured(trip(), state_->reactor.now() - began_);
}

Route ClientTrip::route() const {
    const Url& url = request_->url();
    return {.host = url.host(),
            .port = url.port(),
            .unix_path = state_->unix_path,
            .secure_name = url.is_secure() ? url.host() : std::string()};
}

RequestForm ClientTrip::form() const {
    const Url& url = request_->url();
    RequestForm form{.target = request_->method() == "CONNECT" ? url.host_and_port() : url.target(),
                     .host = request_->host()};
    const Fields& fields = request_->fields();
    if (state_->user_agent != "-" && !fields.has("User-Agent")) {
        form.lines.append("User-Agent: ").append(state_->user_agent).append("\r\n");
    }
    if (!fields.has("Accept")) form.lines.append("Accept: */*\r\n");
    return form;
}

ExchangeTimes ClientTrip::times() const {
    const ClientOptions& options = state_->options;
    return {.head = options.head_time,
            .read = options.read_time,
            .write = options.write_time,
            .before_body = options.continue_time,
            .whole = deadline_};
}

Error ClientTrip::in_context(const Error& error) const {
    return error.with_context(request_->method() + " " + request_->url().to_string());
}

Deferred<ClientResponse> ClientTrip::travel(Ref<ClientTrip> trip) {
    if (trip->request_->error()) co_return fail(*trip->request_->error());
    if (!trip->request_->url().is_http()) {
        const Error error(Errc::unsupported, "an HTTP client asks http: and https: only");
        co_return fail(trip->in_context(error));
    }
    while (true) {
        auto asked = co_await trip->ask().as_result();
        if (!asked) co_return fail(trip->in_context(asked.error()));
        const Result<bool> followed = trip->follow(**asked);
        if (!followed) co_return fail(trip->in_context(followed.error()));
        if (!*followed) co_return trip->respond(std::move(*asked));
        co_await trip->drain(std::move(*asked));
    }
}

// True when the request has become that to the place where the answer leads.
Result<bool> ClientTrip::follow(ClientExchange& exchange) {
    const ClientOptions& options = state_->options;
    const uint32_t most = request_->most_redirects().value_or(options.redirects);
    if (ClientTrace* trace = options.trace) trace->answered(trip(), exchange.status());
    if (most == 0) return false;
    const Url from = request_->url();
    Result<std::optional<Url>> to =
        redirect_target(from, exchange.status(), exchange.fields(), options.allow_downgrade);
    if (!to) return fail(to.error());
    if (!*to) return false;
    history_.push_back({exchange.status(), from});
    if (Result<> checked = check_chain(history_, most, **to); !checked) return fail(checked.error());
    if (ClientTrace* trace = options.trace) trace->redirected(trip(), exchange.status(), **to);
    if (Result<> changed = request_->redirect(exchange.status(), std::move(**to)); !changed)
        return fail(changed.error());
    return true;
}

// So that its connection can be used for what comes next, if that is cheap.
Deferred<> ClientTrip::drain(Asked exchange) {
    if (exchange->body_complete() || exchange->announced() > kWorthReading) co_return;
    for (uint64_t seen = 0; seen <= kWorthReading;) {
        auto piece =
            co_await in_time(state_->reactor, kDrainTime, deadline_, "the rest of it did not come", exchange->read())
                .as_result();
        if (!piece || piece->empty()) co_return;
        seen += piece->size();
    }
}

ClientResponse ClientTrip::respond(Asked exchange) {
    ClientResponse::Head head{.status = exchange->status(),
                              .reason = std::move(exchange->reason()),
                              .fields = std::move(exchange->fields()),
                              .url = request_->url(),
                              .history = std::move(history_),
                              .most_body = request_->most_body().value_or(state_->options.body)};
    return {std::move(head), std::move(exchange)};
}

// Once more, when a connection that was kept turns out to be dead, and it does no harm.
Deferred<ClientTrip::Asked> ClientTrip::ask() {
    for (bool again = false;; again = true) {
        bool reused = false;
        const Ref<ConnectionHandle> handle = co_await find_connection(reused);
        if (!handle->connection) co_return fail(Errc::closed, "the connection ended when it was made");
        auto& connection = static_cast<ClientConnection&>(*handle->connection);
        std::unique_ptr<ExchangeListener> listener;
        if (state_->options.trace) listener = std::make_unique<Listener>(Ref<ClientTrip>(this));
        auto exchange = std::make_unique<ClientExchange>(connection, request_, times(), std::move(listener));
        if (Result<> started = exchange->start(form()); !started) co_return fail(started.error());
        const Result<> answered = co_await exchange->head().as_result();
        if (answered) co_return exchange;
        const bool repeatable = request_->is_idempotent() && request_->can_be_repeated() && state_->options.retry;
        if (again || !exchange->was_stale() || !repeatable) co_return fail(answered.error());
        if (ClientTrace* trace = state_->options.trace) trace->retried(trip(), answered.error());
        state_->pool->forget_idle(route().key());
    }
}

Deferred<Ref<ConnectionHandle>> ClientTrip::find_connection(bool& reused) {
    ClientTrace* const trace = state_->options.trace;
    while (true) {
        Deferred<Lease> leasing = state_->pool->acquire(route().key());
        if (trace && !leasing.done()) trace->queued(trip());
        Lease lease = co_await in_time(state_->reactor, Duration(0), deadline_,
                                       "no connection became free (ClientOptions::connections)", std::move(leasing));
        Ref<ConnectionHandle> kept = lease.take_connection();
        if (!kept) co_return co_await connect(lease.take_place());
        if (!kept->connection) continue;
        reused = true;
        if (trace) trace->reused(trip());
        co_return kept;
    }
}

Deferred<Ref<ConnectionHandle>> ClientTrip::connect(PoolPlace place) {
    const ClientOptions& options = state_->options;
    auto context = state_->context_for(route());
    if (!context) return failed(context.error());
    if (options.trace) options.trace->connecting(trip());
    began_ = state_->reactor.now();
    const ConnectTimes times{.connect = options.connect_time, .handshake = options.handshake_time, .whole = deadline_};
    const ConnectionSettings settings{.limits = options.limits,
                                      .keep = {options.idle_time, options.requests_per_connection}};
    return open_connection(state_->reactor, route(), std::move(place), times, settings, std::move(*context), this);
}

}  // namespace bine::http
