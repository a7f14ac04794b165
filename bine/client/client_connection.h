// One connection of a client: takes answers apart for the exchange that uses it, and goes back to the pool behind each. Inner
// part of the client.
//
// What comes is parsed at once and kept by the exchange, up to a bound; beyond that it waits here and in the network until
// somebody reads. Nobody but the exchange is called from inside the parsing, and the exchange calls nobody then: who waits
// for the answer is woken last, when the connection is with the pool again or closed.
//
//     connecting -> exchange <-> idle -> lost       bytes or an end while it is idle: closed, as the next answer would be theirs
#pragma once

#include <memory>
#include <string>

#include "bine/async/timer.h"
#include "bine/base/pool.h"
#include "bine/client/connection_pool.h"
#include "bine/net/protocol.h"
#include "bine/net/wire_protocol.h"
#include "bine/wire/http1/response_parser.h"

namespace bine {
class Reactor;
class Transport;
}  // namespace bine

namespace bine::http {

class ClientExchange;

struct KeepOptions {
    Duration idle_time;
    uint32_t requests;  // 0: any number
};

class ClientConnection final : public Protocol,
                               public PooledConnection,
                               public Pooled<ClientConnection>,
                               private Timer {
public:
    ClientConnection(PoolPlace place, const http1::AnswerLimits& limits, const KeepOptions& keep);
    ~ClientConnection() override;

    void connection_made(Transport& transport) override;
    void data_received(std::string_view bytes) override;
    bool end_received() override;
    void writing_resumed() override;
    void connection_lost(const CloseReason& reason) override;

    // From the pool.
    void begin_idle() noexcept override;
    void end_idle() noexcept override;
    void close_idle() noexcept override;

    // From the exchange that has leased it.
    void attach(ClientExchange& exchange, http1::Expected expected) noexcept;
    // The exchange goes before its end: the connection is of no use.
    void detach() noexcept;
    // The exchange gives it up, and is told of `error` as if it came from there.
    void fail_exchange(const Error& error);
    // It has been leased and is not needed.
    void put_back() noexcept { place_.keep(*this); }
    // There is room for more of the body. May deliver it, and end the exchange, before this returns.
    void want_input();
    Transport& transport() noexcept { return *transport_; }
    Reactor& reactor() const noexcept;
    http1::ResponseParser& parser() noexcept { return parser_; }
    // Answers that came before on this connection.
    uint32_t answers() const noexcept { return answers_; }
    // After a change of protocol.
    void hand_over(std::unique_ptr<Protocol> next);

private:
    void run(std::string_view input);
    bool take_events(std::string_view& input);
    void pass_on(const http1::ResponseEvent& event);
    void finish(bool clean);
    void end_exchange(const Error& error, bool from_there);
    bool can_be_kept(bool clean) const noexcept;
    void pause() noexcept;
    void resume() noexcept;
    void expired() override { retire(); }
    void retire() noexcept;

    PoolPlace place_;
    const http1::AnswerLimits limits_;
    const KeepOptions keep_;
    Transport* transport_ = nullptr;  // null before it is made, after it is lost, and when it is another protocol's
    ClientExchange* exchange_ = nullptr;
    http1::ResponseParser parser_;
    InputTail tail_;
    uint32_t answers_ = 0;
    bool paused_ = false;
    bool ended_ = false;  // the other side has
};

}  // namespace bine::http
