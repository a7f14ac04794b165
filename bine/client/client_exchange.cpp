#include "bine/client/client_exchange.h"

#include <algorithm>
#include <vector>

#include "bine/client/client_connection.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"

namespace bine::http {

namespace {

constexpr std::size_t kReadAhead = 65536;  // of a body, before somebody reads it
constexpr uint64_t kLeavesAtOnce = 65536;  // of a request: what is believed to leave with the turn

Error timed_out(std::string_view what, Duration limit) {
    return {Errc::timed_out, std::string(what) + " within " + in_words(limit)};
}

}  // namespace

ClientExchange::ClientExchange(ClientConnection& connection, std::shared_ptr<ClientRequest> request,
                               const ExchangeTimes& times, std::unique_ptr<ExchangeListener> listener)
    : reactor_(connection.reactor()),
      connection_(&connection),
      request_(std::move(request)),
      times_(times),
      listener_(std::move(listener)),
      reused_(connection.answers() > 0),
      closes_(request_->closes()) {}

ClientExchange::~ClientExchange() {
    upload_ = {};
    if (!connection_) return;
    if (listener_) listener_->exchange_ended(received_, nullptr);
    connection_->detach();
}

void ClientExchange::Ending::happen() && {
    upload = {};
    room.reset();
    if (waiter) std::move(*waiter).resolve();
}

Result<> ClientExchange::start(const RequestForm& form) {
    const bool asks = request_->expects_continue() && request_->body_length() != 0;
    const std::string lines = form.lines + std::string(request_->fields().lines());
    const http1::RequestStart head{
        .method = request_->method(),
        .target = form.target,
        .host = form.host,
        .length = request_->has_body() ? request_->body_length() : std::nullopt,
        .chunked = request_->is_stream() && !request_->body_length(),
        .expect_continue = asks && request_->has_body(),
        .upgrade = request_->wants_upgrade(),
        .close = request_->closes(),
        .lines = lines,
    };
    Output output;
    if (Result<> sent = encoder_.head(head, output); !sent) {
        std::exchange(connection_, nullptr)->put_back();
        return sent;
    }
    connection_->attach(*this, {.method = http1::method_of(request_->method()), .upgrade = request_->wants_upgrade()});
    if (head.expect_continue) {
        put(std::move(output));
        wait_for(Waiting::go_ahead);
        return {};
    }
    wait_for(Waiting::head);
    return send_body(output);
}

// Behind the head in `output`, or what there is of it; a stream goes on by itself.
Result<> ClientExchange::send_body(Output& output) {
    if (request_->is_stream()) {
        put(std::move(output));
        upload_ = produce().recover([this](const Error& error) {
            if (connection_) connection_->fail_exchange(error.with_context("the body of the request"));
        });
        return {};
    }
    if (request_->has_body()) {
        if (Result<> counted = encoder_.body(request_->make_body(), output); !counted) return counted;
    }
    Result<> ended = end_request(output);
    put(std::move(output));
    request_done();
    return ended;
}

void ClientExchange::send_body_if_asked() {
    if (std::exchange(go_ahead_, false) && waiting_ == Waiting::go_ahead) send_awaited_body();
}

void ClientExchange::send_awaited_body() {
    wait_for(Waiting::head);
    Output output;
    (void)send_body(output);
}

Deferred<> ClientExchange::produce() {
    co_await request_->produce(*this);
    Output output;
    const Result<> ended = end_request(output);
    if (!ended) throw ended.error();
    put(std::move(output));
    request_done();
}

Result<> ClientExchange::end_request(Output& output) {
    std::vector<http1::Header> trailers;
    request_trailers_.for_each(
        [&trailers](std::string_view name, std::string_view value) { trailers.push_back({name, value}); });
    return encoder_.end(trailers, output);
}

void ClientExchange::request_done() {
    if (listener_) listener_->request_sent();
    if (waiting_ == Waiting::head) wait_for(Waiting::head);
}

void ClientExchange::put(Output&& output) {
    if (!connection_) return;
    written_ += output.size();
    connection_->transport().write(std::move(output));
}

Deferred<> ClientExchange::write(std::string_view bytes) {
    Output output;
    output.append(bytes);
    return write(std::move(output));
}

Deferred<> ClientExchange::write(Output&& bytes) {
    if (!connection_) return failed(Errc::closed, "the connection of the request has ended");
    Output output;
    if (Result<> counted = encoder_.body(std::move(bytes), output); !counted) return failed(counted.error());
    put(std::move(output));
    if (!connection_->transport().writing_is_paused()) return ready();
    room_.emplace();
    Deferred<> room = room_->deferred();
    if (waiting_ == Waiting::head) wait_for(Waiting::head);
    return room;
}

void ClientExchange::trailer(std::string_view name, std::string_view value) { request_trailers_.add(name, value); }

void ClientExchange::stop_sending() noexcept {
    upload_ = {};
    room_.reset();
}

void ClientExchange::writing_resumed() {
    if (!room_) return;
    Promise<> room = std::move(*room_);
    room_.reset();
    std::move(room).resolve();
}

bool ClientExchange::has_room() const noexcept { return piece_.size() < kReadAhead; }

// Any interim answer says that the server has taken the head; only 100 that it wants the body.
void ClientExchange::interim_received(const http1::AnswerHead& head) {
    if (listener_) listener_->interim_received(head.status);
    if (head.status == 100) go_ahead_ = true;
}

void ClientExchange::head_received(const http1::AnswerHead& head) {
    status_ = head.status;
    reason_ = head.reason;
    fields_ = AnswerFields(head.headers);
    announced_ = head.content_length;
    changes_protocol_ = connection_->parser().changes_protocol();
    waiting_ = Waiting::nothing;
}

void ClientExchange::body_received(std::string_view piece) {
    piece_.append(piece);
    received_ += piece.size();
    since_ = reactor_.now();
}

void ClientExchange::body_ended(const http1::HeaderList& trailers) {
    if (!trailers.empty()) trailers_ = AnswerFields(trailers);
    ended_ = true;
    waiting_ = Waiting::nothing;
    if (listener_) listener_->exchange_ended(received_, nullptr);
    listener_.reset();
}

ClientExchange::Ending ClientExchange::released(const Error* error, bool from_there) {
    connection_ = nullptr;
    static_cast<Timer&>(*this).unlink();
    if (error && !ended_) {
        error_ = *error;
        stale_ = from_there && reused_ && !heard_;
        if (listener_ && !stale_) listener_->exchange_ended(received_, error);
    }
    return {.waiter = std::exchange(waiter_, std::nullopt),
            .room = std::exchange(room_, std::nullopt),
            .upload = std::move(upload_)};
}

Deferred<> ClientExchange::more() {
    waiter_.emplace();
    return waiter_->deferred();
}

Deferred<> ClientExchange::head() {
    while (status_ == 0 && !error_) co_await more();
    if (status_ == 0) throw *error_;
}

Deferred<std::string> ClientExchange::read() {
    while (piece_.empty() && !ended_ && !error_) {
        wait_for(Waiting::body);
        co_await more();
    }
    waiting_ = Waiting::nothing;
    if (!piece_.empty()) {
        std::string piece = std::exchange(piece_, {});
        if (connection_) connection_->want_input();
        co_return piece;
    }
    if (!ended_) co_return bine::fail(error_->with_context(request_->method() + " " + request_->url().to_string()));
    co_return std::string();
}

Result<> ClientExchange::upgrade(std::unique_ptr<Protocol> next) {
    if (!changes_protocol_) return BodySource::upgrade(std::move(next));
    if (!connection_) return bine::fail(Errc::closed, "the connection has ended, or is another protocol's already");
    static_cast<Timer&>(*this).unlink();
    std::exchange(connection_, nullptr)->hand_over(std::move(next));
    return {};
}

void ClientExchange::wait_for(Waiting waiting) noexcept {
    waiting_ = waiting;
    since_ = reactor_.now();
    if (!connection_) return;
    const uint64_t queued = connection_->transport().queued();
    left_ = queued <= kLeavesAtOnce ? written_ : written_ - queued;
    arm();
}

// Something of the request is on its way out.
bool ClientExchange::output_waits() const noexcept {
    return connection_ && connection_->transport().queued() > 0 && left_ != written_;
}

TimePoint ClientExchange::due() const noexcept {
    const auto limit = [this](Duration time) { return time > Duration(0) ? since_ + time : TimePoint::max(); };
    switch (waiting_) {
        case Waiting::go_ahead: return limit(times_.before_body);
        case Waiting::body: return limit(times_.read);
        case Waiting::head:
            if (output_waits() || room_) return limit(times_.write);
            return encoder_.under_way() ? TimePoint::max() : limit(times_.head);
        case Waiting::nothing: break;
    }
    return TimePoint::max();
}

void ClientExchange::arm() noexcept {
    const TimePoint when = std::min(due(), times_.whole.when);
    if (when != TimePoint::max() && connection_) reactor_.timers().arm(*this, when);
}

void ClientExchange::expired() {
    const TimePoint now = reactor_.now();
    const uint64_t left = written_ - connection_->transport().queued();
    if (waiting_ == Waiting::head && std::exchange(left_, left) != left) since_ = now;
    if (now < std::min(due(), times_.whole.when)) return arm();
    if (waiting_ == Waiting::go_ahead && now < times_.whole.when) return send_awaited_body();
    connection_->fail_exchange(out_of_time());
}

Error ClientExchange::out_of_time() const {
    if (reactor_.now() >= times_.whole.when) {
        return {Errc::timed_out,
                "the whole of it took longer than " + in_words(times_.whole.total) + " (ClientOptions::total_time)"};
    }
    if (waiting_ == Waiting::body) return timed_out("no byte of the body came (ClientOptions::read_time)", times_.read);
    if (output_waits() || room_)
        return timed_out("no byte of the request left (ClientOptions::write_time)", times_.write);
    return timed_out("no answer came (ClientOptions::head_time)", times_.head);
}

}  // namespace bine::http
