#include "bine/http/exchange.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "bine/http/dispatch.h"
#include "bine/http/server_connection.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"

namespace bine::http {

namespace {

// Moves views from one copy of some bytes to another; views of anything else stay.
class Rebase {
public:
    Rebase(std::string_view from, const char* to) noexcept : from_(from), to_(to) {}

    std::string_view operator()(std::string_view view) const noexcept {
        const auto start = reinterpret_cast<uintptr_t>(view.data());
        const auto first = reinterpret_cast<uintptr_t>(from_.data());
        if (start < first || start > first + from_.size()) return view;
        return {to_ + (start - first), view.size()};
    }

private:
    std::string_view from_;
    const char* to_;
};

}  // namespace

Exchange::Exchange(ServerConnection& connection, const http1::RequestHead& head, std::string_view bytes)
    : connection_(connection),
      head_(head),
      request_(head_),
      started_(connection.reactor().now()),
      credit_(connection.options().body_grace),
      encoder_(head),
      writer_(*this) {
    const std::size_t table_size = head.headers.size() * sizeof(http1::Header);
    block_size_ = table_size + bytes.size();
    block_ = static_cast<char*>(pool_allocate(block_size_));
    char* const copy = block_ + table_size;
    std::memcpy(copy, bytes.data(), bytes.size());

    const Rebase rebase(bytes, copy);
    auto* const table = reinterpret_cast<http1::Header*>(block_);
    for (std::size_t i = 0; i < head.headers.size(); ++i) {
        new (table + i) http1::Header{rebase(head.headers[i].name), rebase(head.headers[i].value)};
    }
    head_.headers = {table, head.headers.size()};
    for (std::string_view* view : {&head_.method_name, &head_.target, &head_.path, &head_.query, &head_.authority}) {
        *view = rebase(*view);
    }
    request_.connection_ = &connection;
    request_.exchange_ = this;
}

Exchange::~Exchange() {
    cancel();
    pool_free(block_, block_size_);
}

void Exchange::start(Handler& root) {
    run_ = serve(root).then([this] { connection_.exchange_done(); }).recover([this](Error error) {
        connection_.fail_exchange(error);
    });
}

void Exchange::start(Response response) {
    response_ = std::move(response);
    run_ = send().then([this] { connection_.exchange_done(); }).recover([this](Error error) {
        connection_.fail_exchange(error);
    });
}

Deferred<> Exchange::serve(Handler& root) {
    Handler& handler = Dispatch::select(root, request_);
    auto answered = co_await Dispatch::run_later(request_, handler).as_result();
    if (answered) {
        response_ = std::move(*answered);
    } else {
        answer_failure(answered.error());
    }
    co_await send();
}

void Exchange::answer_failure(const Error& error) {
    if (body_status_ == 0) log_failure(request_, error);
    response_ = Response::error(body_status_ == 0 ? 500 : body_status_);
}

Deferred<> Exchange::send() {
    if (response_.is_stream()) return produce();
    send_whole();
    return ready();
}

// Whether the answer is the last of the connection is part of its head: a body that nobody will read ends it.
void Exchange::encode_head(Output& output) {
    const bool refused_body = request_.head().expects_continue && !continued_;
    const bool long_body = head_.content_length > connection_.options().discarded_body;
    if (!body_ended_ && (refused_body || long_body)) connection_.close_behind_answer();
    if (response_.is_upgrade() && (!head_.wants_upgrade || !body_ended_)) {
        answer_failure(Error(Errc::local_protocol, "an upgrade that the request does not ask for"));
    }
    if (Result<> sent = connection_.encode(encoder_, request_, response_, output); !sent) {
        answer_failure(sent.error());
        sent = connection_.encode(encoder_, request_, response_, output);
        if (!sent) throw sent.error();
    }
}

void Exchange::send_whole() {
    Output output;
    encode_head(output);
    connection_.send(std::move(output));
}

Deferred<> Exchange::start_producer() {
    try {
        return response_.producer_(writer_);
    } catch (...) {
        return failed(Error::from_current_exception());
    }
}

Deferred<> Exchange::produce() {
    auto produced = co_await start_producer().as_result();
    const bool cut_short = !produced && encoder_.without_body() && produced.error().is(Errc::cancelled);
    if (!produced && encoder_.begun() && !cut_short) throw produced.error();
    if (produced || cut_short) {
        send_end();
    } else {
        answer_failure(produced.error());
        send_whole();
    }
}

Result<> Exchange::send_piece(Output&& bytes) {
    Output output;
    if (!encoder_.begun()) encode_head(output);
    const Result<> counted = encoder_.body(std::move(bytes), output);
    connection_.send(std::move(output));
    return counted;
}

void Exchange::send_end() {
    Output output;
    if (!encoder_.begun()) encode_head(output);
    std::vector<http1::Header> trailers;
    trailers_.for_each(
        [&trailers](std::string_view name, std::string_view value) { trailers.push_back({name, value}); });
    const Result<> ended = encoder_.end(trailers, output);
    connection_.send(std::move(output));
    if (!ended) throw ended.error();
}

// A producer that nobody listens to any more must not go on, as it may never end by itself: where the answer has no body
// it ends here, and where the connection is ending, with that.
Deferred<> Exchange::write(Output&& bytes) {
    if (Result<> sent = send_piece(std::move(bytes)); !sent) return failed(sent.error());
    if (encoder_.without_body()) return Promise<>().deferred();  // which is cancelled, and the producer with it
    const Transport& transport = connection_.transport();
    if (!transport.writing_is_paused() && !transport.is_closing()) return ready();
    output_waiter_.emplace();
    Deferred<> room = output_waiter_->deferred();
    connection_.want_output();
    return room;
}

void Exchange::output_resumed() {
    Promise<> waiter = std::move(*output_waiter_);
    output_waiter_.reset();
    std::move(waiter).resolve();
}

void Exchange::limit_body(uint64_t bytes) noexcept { connection_.limit_body(bytes); }

Deferred<std::string_view> Exchange::read() {
    if (!fresh_) piece_.clear();
    if (!fresh_ && !body_ended_ && !body_error_) co_await wait_for_body();
    if (!fresh_ && body_error_) co_return fail(*body_error_);
    fresh_ = false;
    co_return std::string_view(piece_);
}

Deferred<std::string> Exchange::read_all() {
    if (!fresh_) piece_.clear();
    collects_ = true;
    if (!body_ended_ && !body_error_) co_await wait_for_body();
    if (body_error_) co_return fail(*body_error_);
    fresh_ = false;
    co_return std::move(piece_);
}

Deferred<> Exchange::wait_for_body() {
    reader_.emplace();
    Deferred<> more = reader_->deferred();
    wants_body_ = true;
    if (head_.expects_continue && !continued_ && !encoder_.begun() && !connection_.body_is_too_long()) {
        Output output;
        http1::append_continue(output);
        connection_.send(std::move(output));
    }
    continued_ = true;
    begin_waiting();
    connection_.want_body();
    return more;
}

void Exchange::begin_waiting() { body_deadline_ = connection_.reactor().now() + credit_; }

void Exchange::earn(std::size_t bytes) {
    const ServerOptions& options = connection_.options();
    const TimePoint now = connection_.reactor().now();
    const auto earned = options.body_rate == 0
                            ? options.body_grace
                            : std::chrono::nanoseconds(std::chrono::seconds(bytes)) / options.body_rate;
    credit_ = std::min<Duration>(body_deadline_ - now + earned, 4 * options.body_grace);
    body_deadline_ = now + credit_;
}

void Exchange::wake_reader() {
    wants_body_ = false;
    if (!reader_) return;
    Promise<> waiter = std::move(*reader_);
    reader_.reset();
    std::move(waiter).resolve();
}

void Exchange::body_received(std::string_view piece) {
    earn(piece.size());
    piece_.append(piece);
    fresh_ = true;
    if (!collects_) wake_reader();
}

void Exchange::keep_trailers(const http1::HeaderList& trailers) {
    for (const http1::Header& trailer : trailers) request_trailers_.add(trailer.name, trailer.value);
    request_trailer_table_ = std::make_unique<http1::HeaderTable>();
    request_trailers_.for_each([this](std::string_view name, std::string_view value) {
        *request_trailer_table_->next() = {name, value};
        request_trailer_table_->take(1);
    });
    request_.trailers_ = request_trailer_table_->list();
}

void Exchange::body_ended(const http1::HeaderList& trailers) {
    if (!trailers.empty()) keep_trailers(trailers);
    body_ended_ = true;
    wake_reader();
}

void Exchange::body_failed(Error error, int status) {
    connection_.note_breach(encoder_.begun() ? 0 : status, error.text());
    body_error_ = std::move(error);
    body_status_ = status;
    connection_.close_behind_answer();
    wake_reader();
}

Response& ResponseWriter::head() noexcept { return exchange_.head(); }
bool ResponseWriter::head_sent() const noexcept { return exchange_.encoder().begun(); }

Deferred<> ResponseWriter::write(std::string_view bytes) {
    Output output;
    output.append(bytes);
    return exchange_.write(std::move(output));
}

Deferred<> ResponseWriter::write(Output&& bytes) { return exchange_.write(std::move(bytes)); }
void ResponseWriter::trailer(std::string_view name, std::string_view value) { exchange_.trailer(name, value); }

}  // namespace bine::http
