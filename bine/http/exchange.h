// One request that is not answered at once, from its head to the end of its answer: what the coroutine of its handler stands on.
//
// Owned by its connection. Whatever ends first - the answer, the connection, the server - takes the handler's Deferred
// with it. Inner part of the server.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "bine/base/pool.h"
#include "bine/base/time.h"
#include "bine/http/handler.h"
#include "bine/reactor/reactor.h"
#include "bine/wire/http1/response_encoder.h"

namespace bine::http {

class ServerConnection;

class Exchange final : public Disposable, public Pooled<Exchange> {
public:
    // Copies `head`, all of whose views lie in `bytes` (or in no buffer).
    Exchange(ServerConnection& connection, const http1::RequestHead& head, std::string_view bytes);
    ~Exchange() override;
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Finds the handler and runs it. connection.exchange_done() tells the end, perhaps from inside this call.
    void start(Handler& root);
    // The handler has answered already, with a stream or an upgrade.
    void start(Response response);
    // Ends the handler; nothing of it runs afterwards.
    void cancel() noexcept { run_ = {}; }

    Request& request() noexcept { return request_; }
    const Response& response() const noexcept { return response_; }
    const http1::ResponseEncoder& encoder() const noexcept { return encoder_; }
    TimePoint started() const noexcept { return started_; }

    // For the Request. One at a time.
    Deferred<std::string_view> read();
    Deferred<std::string> read_all();
    void limit_body(uint64_t bytes) noexcept;
    int body_status() const noexcept { return body_status_; }

    // For the ResponseWriter.
    Response& head() noexcept { return response_; }
    Deferred<> write(Output&& bytes);
    void trailer(std::string_view name, std::string_view value) { trailers_.add(name, value); }

    // From the connection. The body goes on only while somebody wants it.
    bool wants_body() const noexcept { return wants_body_; }
    bool body_complete() const noexcept { return body_ended_; }
    void body_received(std::string_view piece);
    void body_ended(const http1::HeaderList& trailers);
    // `status` answers it, unless the handler finds an answer of its own.
    void body_failed(Error error, int status);
    bool wants_output() const noexcept { return output_waiter_.has_value(); }
    void output_resumed();

    // Until when the next bytes of the body are waited for: waiting costs credit, bytes earn it.
    TimePoint body_deadline() const noexcept { return body_deadline_; }

private:
    Deferred<> serve(Handler& root);
    Deferred<> send();
    Deferred<> start_producer();
    Deferred<> produce();
    void send_whole();
    void encode_head(Output& output);
    void answer_failure(const Error& error);
    Result<> send_piece(Output&& bytes);
    void send_end();
    Deferred<> wait_for_body();
    void begin_waiting();
    void earn(std::size_t bytes);
    void wake_reader();
    void keep_trailers(const http1::HeaderList& trailers);

    ServerConnection& connection_;
    http1::RequestHead head_;
    char* block_ = nullptr;  // header views, then the bytes of the head
    std::size_t block_size_ = 0;
    Request request_;
    TimePoint started_;

    TimePoint body_deadline_{};
    Duration credit_;
    std::string piece_;
    Fields request_trailers_;
    std::unique_ptr<http1::HeaderTable> request_trailer_table_;
    std::optional<Promise<>> reader_;
    std::optional<Error> body_error_;
    int body_status_ = 0;
    bool wants_body_ = false;
    bool collects_ = false;
    bool fresh_ = false;  // piece_ has not been given to anybody
    bool body_ended_ = false;
    bool continued_ = false;  // "100 Continue" has been sent

    Response response_;
    http1::ResponseEncoder encoder_;
    ResponseWriter writer_;
    Fields trailers_;
    std::optional<Promise<>> output_waiter_;

    Deferred<> run_;  // last: ends before what it uses
};

}  // namespace bine::http
