#include <algorithm>
#include <array>

#include "bine/base/log.h"
#include "bine/client/client_state.h"
#include "bine/client/cookie_jar.h"
#include "bine/client/decoded_body.h"
#include "bine/client/redirect.h"
#include "bine/compression/coding.h"

namespace bine::http {

namespace {

constexpr uint64_t kWorthReading = 65536;  // bytes of a redirect's body, to keep its connection
constexpr Duration kDrainTime = std::chrono::seconds(1);
constexpr int kMostProofs = 2;  // that a server may ask for

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

// Since the last one, or since connecting began.
Duration ClientTrip::lap() {
    const TimePoint now = state_->reactor.now();
    return now - std::exchange(began_, now);
}

void ClientTrip::resolved() {
    if (ClientTrace* trace = state_->options.trace) trace->resolved(trip(), lap());
}

void ClientTrip::connected() {
    if (ClientTrace* trace = state_->options.trace) trace->connected(trip(), lap());
}

void ClientTrip::secured() {
    if (ClientTrace* trace = state_->options.trace) trace->secured(trip(), lap());
}

void ClientTrip::choose_route() {
    const Url& url = request_->url();
    route_ = {.host = url.host(), .port = url.port()};
    if (url.is_secure()) route_.secure_name = url.host();
    if (!state_->unix_path.empty()) {
        route_.unix_path = state_->unix_path;
        return;
    }
    const ProxySettings* const proxies = state_->options.proxies;
    const ProxyServer* const proxy = proxies ? proxies->choose(url) : nullptr;
    if (!proxy) return;
    using Kind = ProxyServer::Kind;
    route_.way = proxy->kind == Kind::socks5    ? Route::Way::socks5
                 : proxy->kind == Kind::socks5h ? Route::Way::socks5h
                 : url.is_secure()              ? Route::Way::tunnel
                                                : Route::Way::forward;
    if (proxy->kind == Kind::https) route_.first_secure_name = proxy->host;
    route_.host = proxy->host;
    route_.port = proxy->port;
    route_.user = proxy->user;
    route_.password = proxy->password;
    if (route_.way == Route::Way::forward) return;
    route_.target_host = url.host();
    route_.target_port = url.port();
}

bool ClientTrip::decodes() const noexcept {
    return state_->options.decode && !request_->fields().has("Accept-Encoding");
}

RequestForm ClientTrip::form() {
    const Url& url = request_->url();
    RequestForm form{.target = request_->method() == "CONNECT" ? url.host_and_port() : url.target(),
                     .host = request_->host()};
    if (route_.way == Route::Way::forward) form.target.insert(0, url.origin());
    const Fields& fields = request_->fields();
    const auto put = [&](std::string_view name, std::string_view value) {
        if (!fields.has(name)) form.lines.append(name).append(": ").append(value).append("\r\n");
    };
    if (state_->user_agent != "-") put("User-Agent", state_->user_agent);
    put("Accept", "*/*");
    if (state_->options.decode) put("Accept-Encoding", compression::kAcceptEncoding);
    put_authorization(form);
    put_cookies(form);
    return form;
}

// What the request itself says goes first.
void ClientTrip::put_authorization(RequestForm& form) {
    digested_ = false;
    const auto put = [&form](std::string_view name, const std::string& proof) {
        form.lines.append(name).append(": ").append(proof).append("\r\n");
    };
    if (route_.way == Route::Way::forward && !route_.user.empty()) {
        if (const auto proof = basic_authorization(route_.user, route_.password)) put("Proxy-Authorization", *proof);
    }
    if (request_->fields().has("Authorization")) return;
    if (!basic_.empty()) return put("Authorization", basic_);
    if (const auto proof = digest_proof(form.target)) {
        digested_ = true;
        return put("Authorization", *proof);
    }
    const Url& url = request_->url();
    if (!url.has_credentials()) return;
    if (const auto proof = basic_authorization(url.user(), url.password())) put("Authorization", *proof);
}

std::string ClientTrip::digest_key() const { return request_->url().origin() + " " + request_->login()->user; }

// Errors: there is nothing to answer.
Result<std::string> ClientTrip::digest_proof(const std::string& target) {
    if (!request_->login()) return fail(Errc::not_found, "no login");
    const auto found = state_->digests.find(digest_key());
    if (found == state_->digests.end() || !found->second.ready()) return fail(Errc::not_found, "no challenge");
    std::array<std::byte, DigestAuth::kClientNonce> chance{};
    state_->reactor.driver().random({reinterpret_cast<char*>(chance.data()), chance.size()});
    return found->second.authorization(request_->method(), target, chance);
}

void ClientTrip::put_cookies(RequestForm& form) const {
    CookieJar* const jar = state_->options.cookies;
    if (!jar || request_->fields().has("Cookie")) return;
    const Url& url = request_->url();
    const std::string cookies =
        jar->header({.host = url.host(), .path = url.path(), .secure = url.is_secure()}, state_->reactor.wall_now());
    if (!cookies.empty()) form.lines.append("Cookie: ").append(cookies).append("\r\n");
}

void ClientTrip::keep_cookies(const ClientExchange& exchange) {
    CookieJar* const jar = state_->options.cookies;
    if (!jar) return;
    const Url& url = request_->url();
    const CookiePlace from{.host = url.host(), .path = url.path(), .secure = url.is_secure()};
    exchange.fields().for_each("Set-Cookie", [&](std::string_view cookie) {
        if (Result<> kept = jar->set(cookie, from, state_->reactor.wall_now()); !kept) {
            log::debug("http", "a cookie is not kept", {{"url", url.to_string()}, {"why", kept.error().text()}});
        }
    });
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
    if (trip->state_->wrong_option) co_return fail(*trip->state_->wrong_option);
    while (true) {
        trip->choose_route();
        auto asked = co_await trip->ask().as_result();
        if (!asked) co_return fail(trip->in_context(asked.error()));
        const Result<bool> on = trip->goes_on(**asked);
        if (!on) co_return fail(trip->in_context(on.error()));
        if (*on) {
            (*asked)->stop_sending();
            co_await trip->drain(std::move(*asked));
            continue;
        }
        Result<ClientResponse> response = trip->respond(std::move(*asked));
        if (!response) co_return fail(trip->in_context(response.error()));
        co_return std::move(*response);
    }
}

Result<bool> ClientTrip::goes_on(ClientExchange& exchange) {
    if (ClientTrace* trace = state_->options.trace) trace->answered(trip(), exchange.status());
    keep_cookies(exchange);
    if (exchange.status() == 401) return prove(exchange);
    if (exchange.status() == 417 && request_->expects_continue() && request_->can_be_repeated()) {
        request_->expect_continue(false);  // RFC 9110 section 10.1.1
        return true;
    }
    return follow(exchange);
}

// The server wants to know who asks. A second proof only where the first one's nonce was too old.
Result<bool> ClientTrip::prove(const ClientExchange& exchange) {
    if (!request_->login() || !request_->can_be_repeated() || proofs_ == kMostProofs) return false;
    const auto challenges = parse_challenges(exchange.fields().joined("WWW-Authenticate"));
    if (!challenges) return false;
    ++proofs_;
    const auto& login = *request_->login();
    DigestAuth& digest = state_->digests.try_emplace(digest_key(), login.user, login.password).first->second;
    const Result<> answerable = digest.challenged(*challenges, digested_);
    if (answerable) return true;
    state_->digests.erase(digest_key());
    const bool offers_basic = std::ranges::any_of(*challenges, [](const Challenge& c) { return c.scheme == "basic"; });
    if (!offers_basic || digested_ || !basic_.empty()) return false;
    const auto proof = basic_authorization(login.user, login.password);
    if (!proof) return fail(proof.error());
    basic_ = *proof;
    return true;
}

// True when the request has become that to the place where the answer leads.
Result<bool> ClientTrip::follow(ClientExchange& exchange) {
    const ClientOptions& options = state_->options;
    const uint32_t most = request_->most_redirects().value_or(options.redirects);
    if (most == 0) return false;
    const Url from = request_->url();
    Result<std::optional<Url>> to =
        redirect_target(from, exchange.status(), exchange.fields(), options.allow_downgrade);
    if (!to) return fail(to.error());
    if (!*to) return false;
    history_.add(exchange.status(), from);
    if (Result<> checked = check_chain(history_, most, **to); !checked) return fail(checked.error());
    if (ClientTrace* trace = options.trace) trace->redirected(trip(), exchange.status(), **to);
    exchange.stop_sending();  // its producer belongs to the request that changes
    if (Result<> changed = request_->redirect(exchange.status(), std::move(**to)); !changed)
        return fail(changed.error());
    if (!request_->login()) basic_.clear();
    return true;
}

// So that its connection can be used for what comes next, if that is cheap.
Deferred<> ClientTrip::drain(Asked exchange) {
    if (exchange->body_complete() || exchange->announced() > kWorthReading) co_return;
    const Deadline soon{std::min(deadline_.when, time_after(state_->reactor, kDrainTime)), kDrainTime};
    for (uint64_t seen = 0; seen <= kWorthReading;) {
        auto piece =
            co_await in_time(state_->reactor, Duration(0), soon, "the rest of it did not come", exchange->read())
                .as_result();
        if (!piece || piece->empty()) co_return;
        seen += piece->size();
    }
}

Result<ClientResponse> ClientTrip::respond(Asked exchange) {
    const ClientOptions& options = state_->options;
    const std::string codings = decodes() ? exchange->fields().joined("Content-Encoding") : std::string();
    ClientResponse::Head head{.status = exchange->status(),
                              .reason = std::move(exchange->reason()),
                              .fields = std::move(exchange->fields()),
                              .url = request_->url(),
                              .history = std::move(history_),
                              .most_body = request_->most_body().value_or(options.body)};
    if (codings.empty()) return ClientResponse(std::move(head), std::move(exchange));
    compression::Decoder::Options limits;
    limits.most = UINT64_MAX;
    limits.ratio = options.inflation;
    Result<compression::Decoder> decoder = compression::Decoder::make(codings, limits);
    if (!decoder) return fail(decoder.error());
    return ClientResponse(std::move(head), std::make_unique<DecodedBody>(std::move(exchange), std::move(*decoder)));
}

// Once more, when a connection that was kept turns out to be dead, and it does no harm.
Deferred<ClientTrip::Asked> ClientTrip::ask() {
    for (bool again = false;; again = true) {
        const Ref<ConnectionHandle> handle = co_await find_connection();
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
        state_->pool->forget_idle(route_.key());
    }
}

Deferred<Ref<ConnectionHandle>> ClientTrip::find_connection() {
    ClientTrace* const trace = state_->options.trace;
    while (true) {
        Deferred<Lease> leasing = state_->pool->acquire(route_.key());
        if (trace && !leasing.done()) trace->queued(trip());
        Lease lease = co_await in_time(state_->reactor, Duration(0), deadline_,
                                       "no connection became free (ClientOptions::connections)", std::move(leasing));
        Ref<ConnectionHandle> kept = lease.take_connection();
        if (!kept) co_return co_await connect(lease.take_place());
        if (!kept->connection) continue;
        if (trace) trace->reused(trip());
        co_return kept;
    }
}

Deferred<Ref<ConnectionHandle>> ClientTrip::connect(PoolPlace place) {
    const ClientOptions& options = state_->options;
    auto context = state_->context_for(route_);
    if (!context) return failed(context.error());
    if (options.trace) options.trace->connecting(trip());
    began_ = state_->reactor.now();
    const ConnectTimes times{.connect = options.connect_time, .handshake = options.handshake_time, .whole = deadline_};
    const ConnectionSettings settings{.limits = options.limits,
                                      .keep = {options.idle_time, options.requests_per_connection},
                                      .resolver = options.resolver};
    return open_connection(state_->reactor, route_, std::move(place), times, settings, std::move(*context), this);
}

}  // namespace bine::http
