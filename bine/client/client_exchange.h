// One request and its answer on one connection: writes the request, keeps what comes, minds the time. Inner part of the client.
//
// Owned by whoever waits for the answer; destroying it before the end gives the connection up. The connection may be lost, or
// go back to its pool, before this goes: what has come stays readable.
//
//     waits for      until                                             then
//     continue       continue_time                                     the body is sent without it
//     room           write_time without a byte leaving                 timed_out
//     head           head_time since the last byte of the request left timed_out
//     body           read_time without a byte, while somebody reads    timed_out
//     anything       the deadline of the whole                         timed_out
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bine/async/timer.h"
#include "bine/client/answer_fields.h"
#include "bine/client/client_options.h"
#include "bine/client/client_request.h"
#include "bine/client/client_response.h"
#include "bine/client/connection_pool.h"
#include "bine/client/time_limit.h"
#include "bine/wire/http1/request_encoder.h"
#include "bine/wire/http1/response_parser.h"

namespace bine {
class Reactor;
}

namespace bine::http {

class ClientConnection;

// What the whole request has to tell, of the trip that this exchange is a part of.
class ExchangeListener {
public:
    virtual void request_sent() = 0;
    virtual void interim_received(int status) = 0;
    virtual void exchange_ended(uint64_t body_bytes, const Error* error) = 0;
    virtual ~ExchangeListener() = default;
};

struct ExchangeTimes {
    Duration head, read, write, before_body;  // 0: no limit
    Deadline whole;
};

// How the request line and its first fields look, which hangs on the way that it takes.
struct RequestForm {
    std::string target;
    std::string host;
    std::string lines{};  // "Name: value\r\n"..., besides those of the request
};

class ClientExchange final : public BodySource, private RequestWriter, private Timer {
public:
    ClientExchange(ClientConnection& connection, std::shared_ptr<ClientRequest> request, const ExchangeTimes& times,
                   std::unique_ptr<ExchangeListener> listener);
    ~ClientExchange() override;
    ClientExchange(const ClientExchange&) = delete;
    ClientExchange& operator=(const ClientExchange&) = delete;

    // Sends. Errors: a request that cannot be written; nothing has been sent then, and the connection goes back.
    Result<> start(const RequestForm& form);
    // Ends when the head is there.
    Deferred<> head();
    // It was asked on a connection that had been used before, which ended before a byte of the answer came.
    bool was_stale() const noexcept { return stale_; }

    // What is not sent yet stays unsent: the request is going to become another one.
    void stop_sending() noexcept;

    int status() const noexcept { return status_; }
    std::string& reason() noexcept { return reason_; }
    AnswerFields& fields() noexcept { return fields_; }
    const AnswerFields& fields() const noexcept { return fields_; }
    uint64_t announced() const noexcept { return announced_; }  // by Content-Length; else 0
    bool changes_protocol() const noexcept { return changes_protocol_; }
    bool body_complete() const noexcept { return ended_; }

    Deferred<std::string> read() override;
    http1::HeaderList trailers() const noexcept override { return trailers_.list(); }
    Result<> upgrade(std::unique_ptr<Protocol> next) override;

    // From the connection. None of these calls anybody.
    bool has_room() const noexcept;
    void interim_received(const http1::AnswerHead& head);
    void head_received(const http1::AnswerHead& head);
    void body_received(std::string_view piece);
    void body_ended(const http1::HeaderList& trailers);
    bool request_sent_whole() const noexcept { return !encoder_.under_way(); }
    bool closes() const noexcept { return closes_; }
    // What is to happen last of all, when the connection is where it belongs: it may destroy the exchange.
    struct Ending {
        std::optional<Promise<>> waiter{};
        std::optional<Promise<>> room{};
        Deferred<> upload{};

        void happen() &&;
    };
    // The connection is gone: to its pool, or for good with an error, which came `from_there` or was made here.
    Ending released(const Error* error, bool from_there);
    // Something has come.
    Ending wake() noexcept { return {.waiter = std::exchange(waiter_, std::nullopt)}; }
    void writing_resumed();
    // The server has said "100 Continue". May run the request's producer.
    void send_body_if_asked();
    void bytes_received() noexcept { heard_ = true; }

private:
    enum class Waiting : uint8_t { nothing, go_ahead, head, body };

    Deferred<> write(std::string_view bytes) override;
    Deferred<> write(Output&& bytes) override;
    void trailer(std::string_view name, std::string_view value) override;

    void put(Output&& output);
    Result<> send_body(Output& output);
    void send_awaited_body();
    Deferred<> produce();
    Result<> end_request(Output& output);
    void request_done();
    void wait_for(Waiting waiting) noexcept;
    bool output_waits() const noexcept;
    TimePoint due() const noexcept;
    void arm() noexcept;
    void expired() override;
    Error out_of_time() const;
    Deferred<> more();

    Reactor& reactor_;
    ClientConnection* connection_;  // null when it is with somebody else again
    std::shared_ptr<ClientRequest> request_;
    const ExchangeTimes times_;
    std::unique_ptr<ExchangeListener> listener_;
    http1::RequestEncoder encoder_;
    bool reused_ = false;
    bool closes_ = false;

    // Sending.
    uint64_t written_ = 0;
    uint64_t left_ = 0;  // of what was written, when that was last looked at
    std::optional<Promise<>> room_;
    Fields request_trailers_;

    // Receiving.
    Waiting waiting_ = Waiting::nothing;
    TimePoint since_{};
    std::optional<Promise<>> waiter_;
    int status_ = 0;
    std::string reason_;
    AnswerFields fields_;
    AnswerFields trailers_;
    uint64_t announced_ = 0;
    std::string piece_;
    uint64_t received_ = 0;
    std::optional<Error> error_;
    bool changes_protocol_ = false;
    bool ended_ = false;
    bool stale_ = false;
    bool heard_ = false;     // a byte of the answer
    bool go_ahead_ = false;  // the server waits for the body

    Deferred<> upload_;  // last: ends before what it uses
};

}  // namespace bine::http
