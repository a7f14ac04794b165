#include "bine/http/server_connection.h"

#include <algorithm>

#include "bine/base/raised.h"
#include "bine/base/text.h"
#include "bine/http/dispatch.h"
#include "bine/http/error_page.h"
#include "bine/http/exchange.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"

namespace bine::http {

using wire::Step;

namespace {

constexpr uint64_t kFlushAt = 32768;           // of answers gathered in one run
constexpr uint64_t kWorthCopying = 2048;       // bodies up to here join their head, so that an answer is one piece
constexpr std::size_t kManyRequests = 1536;    // bytes of input that are likely to be several requests
constexpr std::size_t kRoomForAnswers = 3840;  // whose answers should be one piece, too

}  // namespace

ServerConnection::ServerConnection(Server::State& server) : server_(&server), parser_(server.options.limits) {
    server.connections.push_back(*this);
    ++server.connection_count;
}

ServerConnection::~ServerConnection() {
    retire_exchange();
    if (server_) server_->connection_gone();
}

Reactor& ServerConnection::reactor() noexcept { return transport_->reactor(); }
const ServerOptions& ServerConnection::options() const noexcept { return server_->options; }

void ServerConnection::connection_made(Transport& transport) {
    transport_ = &transport;
    settle();
}

void ServerConnection::data_received(std::string_view bytes) {
    if (closing_ || gone_) return;
    said_last_ = false;
    if (running_ || !buffer_.empty()) {
        buffer_.append(bytes);
        if (!running_) run_buffer();
        return;
    }
    const std::string_view rest = run(bytes);
    if (gone_) return;
    const bool came_meanwhile = !buffer_.empty();
    if (!rest.empty()) {
        InputBuffer kept;
        kept.append(rest);
        kept.append(buffer_.view());
        buffer_.swap(kept);
    }
    if (came_meanwhile) return run_buffer();
    settle();
}

// What comes meanwhile, in a nested turn, goes behind what is left, and is then looked at, too.
void ServerConnection::run_buffer() {
    for (bool came_meanwhile = true; came_meanwhile;) {
        InputBuffer taken;
        taken.swap(buffer_);
        const std::string_view rest = run(taken.view());
        if (gone_) return;
        came_meanwhile = !buffer_.empty() && may_parse();
        taken.keep_last(rest.size());
        taken.append(buffer_.view());
        buffer_.swap(taken);
    }
    settle();
}

std::string_view ServerConnection::run(std::string_view input) {
    Output output;
    if (input.size() >= kManyRequests && !exchange_) (void)output.prepare(kRoomForAnswers);
    {
        const Raised running(running_);
        input = take_events(input, output);
    }
    if (gone_) return {};
    flush(output);
    if (closing_) return {};
    return input;
}

bool ServerConnection::may_parse() const noexcept {
    if (closing_ || gone_) return false;
    return exchange_ ? exchange_->wants_body() : !transport_->writing_is_paused();
}

std::string_view ServerConnection::take_events(std::string_view input, Output& output) {
    http1::RequestEvent event;
    while (may_parse()) {
        const char* const start = input.data();
        const Step step = parser_.next(input, event);
        if (step == Step::need_more) return input;
        if (step == Step::error) {
            parse_failed(output);
            if (!exchange_) return {};
        } else if (event.kind == http1::RequestEvent::Kind::head) {
            const std::string_view bytes(start, static_cast<std::size_t>(input.data() - start));
            head_received(event, bytes, input, output);
        } else {
            body_received(event);
        }
        if (exchange_done_) finish_exchange(input);
        if (output.size() > kFlushAt) flush(output);
    }
    return input;
}

void ServerConnection::head_received(http1::RequestEvent& event, std::string_view bytes, std::string_view& input,
                                     Output& output) {
    ++requests_;
    waiting_ = Waiting::nothing;
    said_last_ = !event.head.keep_alive && !event.head.has_body() && input.empty();
    if (event.head.has_body()) {
        make_exchange(event.head, bytes, output).start(server_->handler);
        return;
    }
    Request request(event.head);
    request.connection_ = this;
    Handler& handler = select_handler(request);
    if (!Dispatch::runs_at_once(request, handler)) {
        std::optional<Response> response = try_handler(request, handler);
        if (response) return answer_at_once(request, *response, event, bytes, input, output);
        make_exchange(event, bytes, input, output).start(server_->handler);
        return;
    }
    Response response = run_handler(request, handler);
    answer_at_once(request, response, event, bytes, input, output);
}

void ServerConnection::answer_at_once(const Request& request, Response& response, http1::RequestEvent& event,
                                      std::string_view bytes, std::string_view& input, Output& output) {
    if (response.is_stream() || response.is_upgrade()) {
        make_exchange(event, bytes, input, output).start(std::move(response));
        return;
    }
    send_at_once(request, response, output);
    if (!closing_) parser_.next(input, event);
}

Handler& ServerConnection::select_handler(Request& request) {
    try {
        return Dispatch::select(server_->handler, request);
    } catch (...) {
        return Dispatch::refused(request, Error::from_current_exception());
    }
}

Response ServerConnection::run_handler(Request& request, Handler& handler) {
    try {
        return Dispatch::run(request, handler);
    } catch (...) {
        log_failure(request, Error::from_current_exception());
        return Response::error(500);
    }
}

std::optional<Response> ServerConnection::try_handler(Request& request, Handler& handler) {
    try {
        return Dispatch::try_at_once(request, handler);
    } catch (...) {
        log_failure(request, Error::from_current_exception());
        return Response::error(500);
    }
}

void ServerConnection::send_at_once(const Request& request, Response& response, Output& output) {
    http1::ResponseEncoder encoder(request.head());
    if (Result<> sent = encode(encoder, request, response, output); !sent) {
        log_failure(request, sent.error());
        response = Response::error(500);
        (void)encode(encoder, request, response, output);
    }
    note_answer(request, response.status(), encoder.body_bytes(), reactor().now());
    if (encoder.keep_alive()) return;
    flush(output);
    close();
}

Exchange& ServerConnection::make_exchange(const http1::RequestHead& head, std::string_view bytes, Output& output) {
    flush(output);
    exchange_ = std::make_unique<Exchange>(*this, head, bytes);
    return *exchange_;
}

// The same for a request without a body.
Exchange& ServerConnection::make_exchange(http1::RequestEvent& event, std::string_view bytes, std::string_view& input,
                                          Output& output) {
    Exchange& exchange = make_exchange(event.head, bytes, output);
    parser_.next(input, event);
    exchange.body_ended({});
    return exchange;
}

namespace {

void render_error_page(const Request& request, Response& response) {
    const bool html = wants_html(request.header("Accept"));
    const std::string explanation = response.body().to_string();
    response.fields().set("Content-Type", html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
    Output page;
    page.append_owned(html ? html_error_page(response.status(), explanation)
                           : text_error_page(response.status(), explanation));
    response.body(std::move(page));
}

std::optional<uint64_t> length_of(const Request& request, const Response& response, std::optional<uint64_t> told) {
    if (response.is_stream() || response.status() == 304) return told;
    if (told && request.is_head() && response.body().empty()) return told;
    return response.body().size();
}

// The body as one piece, when it is small and in memory as such.
std::optional<std::string_view> small_piece(const Output& body) noexcept {
    if (body.size() > kWorthCopying) return std::nullopt;
    const std::string_view piece = body.front_bytes();
    if (piece.size() != body.size()) return std::nullopt;
    return piece;
}

}  // namespace

Result<> ServerConnection::encode(http1::ResponseEncoder& encoder, const Request& request, Response& response,
                                  Output& output) {
    if (response.is_error_page()) render_error_page(request, response);
    const bool last = options().requests != 0 && requests_ >= options().requests;
    const http1::ResponseHead head{
        .status = response.status(),
        .length = length_of(request, response, response.length_),
        .close = response.close_ || close_behind_ || last || server_->draining,
        .lines = response.fields().lines(),
        .common_lines = server_->common_lines(response.fields(), reactor()),
    };
    if (response.is_stream()) return encoder.head(head, output);
    if (const auto body = small_piece(response.body())) return encoder.whole(head, *body, output);
    if (Result<> sent = encoder.head(head, output); !sent) return sent;
    if (Result<> sent = encoder.body(std::move(response.body()), output); !sent) return sent;
    return encoder.end({}, output);
}

void ServerConnection::body_received(const http1::RequestEvent& event) {
    const bool end = event.kind == http1::RequestEvent::Kind::end;
    if (exchange_ && end) {
        exchange_->body_ended(event.trailers);
    } else if (exchange_) {
        exchange_->body_received(event.body);
    } else if (end) {
        discarding_ = false;
    } else {
        discard(event.body.size());
    }
}

// Nobody reads it any more; a little is let by, so that the connection can go on.
void ServerConnection::discard(std::size_t bytes) {
    discarded_ += static_cast<uint32_t>(std::min<std::size_t>(bytes, options().discarded_body + 1));
    if (discarded_ > options().discarded_body) give_up("the rest of a body that nobody reads is too long");
}

void ServerConnection::parse_failed(Output& output) {
    if (exchange_) {
        exchange_->body_failed(parser_.error(), parser_.status());
    } else if (discarding_) {
        give_up(parser_.error().text());
    } else {
        refuse(parser_.status(), parser_.error().text(), output);
    }
}

void ServerConnection::note_breach(int status, std::string_view why) {
    const int64_t held = server_->refused_log.allow(reactor().now());
    if (held < 0) return;
    const std::string peer = transport_->peer_address().to_string();
    if (status == 0) {
        log::info("http", "gave up a connection", {{"peer", peer}, {"why", why}, {"not_logged", held}});
    } else {
        log::info("http", "refused a request",
                  {{"peer", peer}, {"status", status}, {"why", why}, {"not_logged", held}});
    }
}

void ServerConnection::give_up(std::string_view why) {
    note_breach(0, why);
    close();
}

void ServerConnection::refuse(int status, std::string_view why, Output& output) {
    note_breach(status, why);
    http1::RequestHead nothing;
    nothing.keep_alive = false;
    Request request(nothing);
    request.connection_ = this;
    Response response = Response::error(status);
    http1::ResponseEncoder encoder(nothing);
    (void)encode(encoder, request, response, output);
    note_answer(request, status, encoder.body_bytes(), reactor().now());
    flush(output);
    close();
}

void ServerConnection::want_body() {
    if (!running_) run_buffer();
}

// The transport tells of room only when it has told of the lack of it; in between, the next turn looks.
void ServerConnection::want_output() {
    if (waiting_ == Waiting::output) waiting_ = Waiting::nothing;
    if (!running_) settle();
}

void ServerConnection::exchange_done() {
    exchange_done_ = true;
    if (!running_) look_soon();
}

void ServerConnection::fail_exchange(const Error& error) {
    closing_ = true;
    transport_->abort(error);  // first, as there may be no memory to say why
    log::error("http", "an answer broke off",
               {{"method", exchange_->request().method_name()},
                {"target", escape(exchange_->request().target())},
                {"error", error.text()},
                {"place", to_string(error.place())}});
}

void ServerConnection::finish_exchange(std::string_view leftover) {
    exchange_done_ = false;
    if (exchange_->response().is_upgrade()) return upgrade(leftover);
    const bool keep_alive = exchange_->encoder().keep_alive();
    discarding_ = !exchange_->body_complete();
    discarded_ = 0;
    note_answer(exchange_->request(), exchange_->response().status(), exchange_->encoder().body_bytes(),
                exchange_->started());
    retire_exchange();
    if (!keep_alive) close();
}

// Its memory lives to the end of the turn: a frame that is on the stack may look at it once more.
void ServerConnection::retire_exchange() noexcept {
    if (!exchange_) return;
    exchange_->cancel();
    transport_->reactor().dispose(std::move(exchange_));
}

void ServerConnection::note_answer(const Request& request, int status, uint64_t bytes, TimePoint started) {
    ++server_->answered;
    if (options().access_log && log::enabled(log::Level::info)) log_answer(request, status, bytes, started);
}

void ServerConnection::log_answer(const Request& request, int status, uint64_t bytes, TimePoint started) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(reactor().now() - started);
    log::info("access", "answered",
              {{"peer", transport_->peer_address().to_string()},
               {"method", request.method_name()},
               {"target", request.target()},
               {"status", status},
               {"bytes", bytes},
               {"microseconds", took.count()},
               {"referrer", request.header("Referer")},
               {"agent", request.header("User-Agent")}});
}

void ServerConnection::upgrade(std::string_view leftover) {
    gone_ = true;
    forget_timer();
    static_cast<ListHook<ServerConnection>&>(*this).unlink();
    note_answer(exchange_->request(), 101, 0, exchange_->started());
    std::unique_ptr<Protocol> next = std::move(exchange_->head().next_);
    std::string with_later;
    if (running_ && !buffer_.empty()) {  // came meanwhile, in a nested turn
        with_later.append(leftover).append(buffer_.view());
        leftover = with_later;
    }
    retire_exchange();
    if (paused_) transport_->resume_reading();
    transport_->replace_protocol(std::move(next), leftover);
}

void ServerConnection::send(Output&& output) {
    written_ += output.size();
    transport_->write(std::move(output));
}

void ServerConnection::flush(Output& output) {
    if (!output.empty()) send(std::move(output));
}

void ServerConnection::close() {
    closing_ = true;
    buffer_.keep_last(0);
    said_last_ ? transport_->finish() : transport_->close();
    update_waiting();
}

bool ServerConnection::end_received() {
    ended_ = true;
    if (closing_) return true;
    look_for_end_of_body();
    if (exchange_done_ && !running_) return true;  // look_again() goes on
    return exchange_ != nullptr || running_ || (transport_->writing_is_paused() && !buffer_.empty());
}

// Of a handler that has yet to ask for its body, the rest may be waiting here.
void ServerConnection::look_for_end_of_body() {
    if (!ended_ || running_ || !exchange_ || !exchange_->wants_body()) return;
    exchange_->body_failed(Error(Errc::end_of_stream, "the connection ended inside the body of a request"), 400);
}

void ServerConnection::writing_resumed() {
    if (closing_ || gone_) return;
    if (exchange_ && exchange_->wants_output()) {
        exchange_->output_resumed();
        if (!gone_ && !running_) settle();
    } else if (!exchange_ && !running_) {
        run_buffer();
    }
}

// One object less to be woken by: the timer is moved to the front and goes back where it was.
void ServerConnection::look_soon() noexcept {
    look_soon_ = true;
    reactor().timers().arm(*this, reactor().now());
}

void ServerConnection::forget_timer() noexcept {
    reactor().timers().cancel(*this);
    waiting_ = Waiting::nothing;
}

void ServerConnection::look_again() {
    if (closing_ || gone_) return;
    if (exchange_done_) {
        finish_exchange(buffer_.view());
        if (!closing_ && !gone_) run_buffer();
    } else if (!transport_->writing_is_paused()) {
        writing_resumed();
    }
}

void ServerConnection::connection_lost(const CloseReason& reason) {
    const bool failed = reason.kind() == CloseReason::Kind::failed;
    if (failed && reason.error()->is(Errc::local_protocol)) {  // a file that has become shorter
        log::error("http", "an answer broke off",
                   {{"peer", transport_->peer_address().to_string()}, {"error", reason.error()->text()}});
    }
    closing_ = true;
    forget_timer();
    static_cast<ListHook<ServerConnection>&>(*this).unlink();
    retire_exchange();
    // The server may be destroyed before this is, in the same turn. A handler that turns its reactor still needs it.
    if (running_) return;
    if (Server::State* const server = std::exchange(server_, nullptr)) server->connection_gone();
}

void ServerConnection::drain(Duration quiet) {
    if (closing_ || gone_ || exchange_ || running_) return;
    if (!buffer_.empty() && !discarding_) return;
    if (quiet == Duration(0) || waiting_ != Waiting::request) return close();
    wait_for(Waiting::request, reactor().now() + quiet);
}

void ServerConnection::lose_server() {
    static_cast<ListHook<ServerConnection>&>(*this).unlink();
    retire_exchange();
    forget_timer();
    closing_ = true;
    server_ = nullptr;
    transport_->abort(Error(Errc::closed, "the server has been destroyed"));
}

// Where things stand after a run: whether to read on, and for how long to wait for what.
void ServerConnection::settle() {
    if (gone_) return;
    look_for_end_of_body();
    if (!closing_ && ended_ && !exchange_ && !(transport_->writing_is_paused() && !buffer_.empty())) close();
    update_reading();
    update_waiting();
}

void ServerConnection::update_reading() {
    if (closing_) return;
    const bool full = buffer_.size() >= options().waiting_input;
    if (full == paused_) return;
    paused_ = full;
    if (full) {
        transport_->pause_reading();
    } else {
        transport_->resume_reading();
    }
}

void ServerConnection::update_waiting() {
    const TimePoint now = reactor().now();
    if (closing_) return wait_for(Waiting::output, now + options().write_time);
    if (exchange_ && exchange_->wants_body()) return wait_for(Waiting::body, exchange_->body_deadline());
    const bool blocked = exchange_ ? exchange_->wants_output() : transport_->writing_is_paused() && !buffer_.empty();
    if (blocked) {
        if (waiting_ != Waiting::output) look_soon();  // see want_output()
        return wait_for(Waiting::output, now + options().write_time);
    }
    if (exchange_) {
        waiting_ = Waiting::nothing;
    } else if (discarding_) {
        if (waiting_ != Waiting::body) wait_for(Waiting::body, now + 4 * options().body_grace);
    } else if (buffer_.empty() && parser_.between_requests()) {
        const bool ends = server_->draining && waiting_ == Waiting::request;  // drain() has set a time
        if (!ends) wait_for(Waiting::request, now + options().idle_time);
    } else if (waiting_ != Waiting::head) {
        wait_for(Waiting::head, now + options().head_time);
    }
}

// An armed timer is only moved when it would come too late: most of the time, nothing is to be done.
void ServerConnection::wait_for(Waiting waiting, TimePoint due) {
    waiting_ = waiting;
    due_ = due;
    const TimePoint look = next_look(reactor().now());
    if (!armed() || look < deadline()) reactor().timers().arm(*this, look);
}

// While the next request is waited for, the last answer may still be on its way. Looks are half the write time apart, so
// that the idle time does not cut off the one that matters.
TimePoint ServerConnection::next_look(TimePoint now) const noexcept {
    return waiting_ == Waiting::request ? std::min(due_, now + options().write_time / 2) : due_;
}

void ServerConnection::expired() {
    const TimePoint now = reactor().now();
    if (look_soon_) {
        look_soon_ = false;
        look_again();
        if (waiting_ != Waiting::nothing && !armed()) reactor().timers().arm(*this, next_look(now));
        return;
    }
    if (waiting_ == Waiting::nothing) return;
    if (now >= due_) return out_of_time(now);
    if (waiting_ == Waiting::request && output_is_stalled(now)) return abort_stalled();
    reactor().timers().arm(*this, next_look(now));
}

void ServerConnection::out_of_time(TimePoint now) {
    Output output;
    switch (waiting_) {
        case Waiting::head: return refuse(408, "the head of the request took too long", output);
        case Waiting::body: return body_out_of_time();
        case Waiting::nothing: return;
        case Waiting::request:
        case Waiting::output: break;
    }
    if (output_is_stalled(now)) return abort_stalled();
    if (waiting_ == Waiting::request && (transport_->queued() == 0 || server_->draining)) return close();
    wait_for(waiting_, now + options().write_time);
}

void ServerConnection::abort_stalled() {
    static constexpr std::string_view kWhy = "the other side does not take what it asked for";
    note_breach(0, kWhy);
    closing_ = true;
    transport_->abort(Error(Errc::timed_out, kWhy));
}

void ServerConnection::body_out_of_time() {
    if (!exchange_) return give_up("the rest of a body that nobody reads comes too slowly");
    exchange_->body_failed(Error(Errc::timed_out, "the body of the request comes too slowly"), 408);
    if (!gone_) settle();
}

bool ServerConnection::output_is_stalled(TimePoint now) {
    const uint64_t queued = transport_->queued();
    const uint64_t left = written_ - std::min(written_, queued);
    if (left != left_ || queued == 0) {
        left_ = left;
        stalled_since_ = now;
        return false;
    }
    return now - stalled_since_ >= options().write_time;
}

}  // namespace bine::http
