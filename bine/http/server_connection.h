// One connection of the server: parses, answers at once what can be, keeps order, time and limits. Inner part of the server.
//
// One request at a time. A plain handler's request lives on the stack of run(); any other has an Exchange, and until that
// is done nothing behind it is parsed: input waits in the buffer, and when that is full, in the network.
//
//     waiting for    until          then
//     request        idle_time      closed (when draining: until it has been quiet)
//     head           head_time      408, closed
//     body           its credit     408 (Exchange::credit), closed
//     output         write_time without progress: aborted
//     nothing        a handler runs: it has all the time it wants
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "bine/async/scheduler.h"
#include "bine/base/intrusive_list.h"
#include "bine/base/pool.h"
#include "bine/http/input_buffer.h"
#include "bine/http/server_state.h"
#include "bine/net/protocol.h"
#include "bine/wire/http1/request_parser.h"

namespace bine {
class Transport;
}

namespace bine::http1 {
class ResponseEncoder;
}

namespace bine::http {

class Exchange;

class ServerConnection final : public Protocol,
                               public ListHook<ServerConnection>,
                               public Pooled<ServerConnection>,
                               private Timer {
public:
    explicit ServerConnection(Server::State& server);
    ~ServerConnection() override;

    void connection_made(Transport& transport) override;
    void data_received(std::string_view bytes) override;
    bool end_received() override;
    void writing_resumed() override;
    void connection_lost(const CloseReason& reason) override;

    // From the server.
    void drain(Duration quiet);
    void lose_server();

    // For requests and exchanges.
    Transport& transport() noexcept { return *transport_; }
    Reactor& reactor() noexcept;
    const ServerOptions& options() const noexcept;
    void send(Output&& output);
    // The head of `response`, and its body unless that is a stream. Errors: one that cannot be sent.
    Result<> encode(http1::ResponseEncoder& encoder, const Request& request, Response& response, Output& output);
    // The exchange waits for more of its body. May deliver it before this returns.
    void want_body();
    void limit_body(uint64_t bytes) noexcept { parser_.limit_body(bytes); }
    bool body_is_too_long() const noexcept { return parser_.body_is_too_long(); }
    void close_behind_answer() noexcept { close_behind_ = true; }
    // The exchange waits until there is room for more output.
    void want_output();
    void exchange_done();
    void fail_exchange(const Error& error);
    // Somebody broke the protocol or a limit and is answered `status`, or given up without a word (0).
    void note_breach(int status, std::string_view why);

private:
    enum class Waiting : uint8_t { request, head, body, output, nothing };

    void run_buffer();
    std::string_view run(std::string_view input);
    std::string_view take_events(std::string_view input, Output& output);
    void settle();
    void look_for_end_of_body();
    bool may_parse() const noexcept;
    void head_received(http1::RequestEvent& event, std::string_view bytes, std::string_view& input, Output& output);
    Handler& select_handler(Request& request);
    static Response run_handler(Request& request, Handler& handler);
    static std::optional<Response> try_handler(Request& request, Handler& handler);
    void answer_at_once(const Request& request, Response& response, http1::RequestEvent& event, std::string_view bytes,
                        std::string_view& input, Output& output);
    void send_at_once(const Request& request, Response& response, Output& output);
    Exchange& make_exchange(const http1::RequestHead& head, std::string_view bytes, Output& output);
    Exchange& make_exchange(http1::RequestEvent& event, std::string_view bytes, std::string_view& input,
                            Output& output);
    void body_received(const http1::RequestEvent& event);
    void discard(std::size_t bytes);
    void parse_failed(Output& output);
    void refuse(int status, std::string_view why, Output& output);
    void give_up(std::string_view why);
    void finish_exchange(std::string_view leftover);
    void upgrade(std::string_view leftover);
    void retire_exchange() noexcept;
    void note_answer(const Request& request, int status, uint64_t bytes, TimePoint started);
    void log_answer(const Request& request, int status, uint64_t bytes, TimePoint started);
    void flush(Output& output);
    void close();
    void update_reading();
    void update_waiting();
    void wait_for(Waiting waiting, TimePoint due);
    TimePoint next_look(TimePoint now) const noexcept;
    bool output_is_stalled(TimePoint now);
    void out_of_time(TimePoint now);
    void abort_stalled();
    void body_out_of_time();
    void expired() override;
    // Calls look_again() in the next turn.
    void look_soon() noexcept;
    void look_again();
    void forget_timer() noexcept;

    Server::State* server_;
    Transport* transport_ = nullptr;
    std::unique_ptr<Exchange> exchange_;
    http1::RequestParser parser_;
    InputBuffer buffer_;
    TimePoint due_ = TimePoint::max();
    TimePoint stalled_since_{};
    uint64_t written_ = 0;
    uint64_t left_ = 0;  // of what was written, when that was last looked at
    uint32_t requests_ = 0;
    uint32_t discarded_ = 0;
    Waiting waiting_ = Waiting::nothing;
    bool running_ = false;            // run() is on the stack
    bool exchange_done_ : 1 = false;  // and its exchange has ended meanwhile
    bool discarding_ : 1 = false;     // the body of a request that has been answered is still coming
    bool paused_ : 1 = false;         // reading
    bool ended_ : 1 = false;          // the other side has
    bool closing_ : 1 = false;
    bool close_behind_ : 1 = false;  // the answer in progress is the last
    bool said_last_ : 1 = false;     // the other side has said that it sends no more, and has not
    bool gone_ : 1 = false;          // the transport is another protocol's
    bool look_soon_ : 1 = false;     // the timer is set for the next turn
};

}  // namespace bine::http
