// A transport whose other side is the test: what the protocol writes is recorded, what the test feeds is received.
//
//     StringTransport transport;
//     transport.start(std::make_unique<Greeter>());
//     transport.receive("hello\r\n");
//     CHECK(transport.take_written() == "welcome\r\n");
//
// It brings a reactor whose time only the test moves, or stands on one that the test has. What the contract puts in a
// later turn (connection_lost, writing_paused, data after resume_reading) comes from settle(). Confined to one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bine/testing/memory_connection.h"

namespace bine::testing {

class StringTransport final : public MemoryConnection {
public:
    // On a reactor of its own, over a ManualDriver.
    StringTransport();
    explicit StringTransport(Reactor& reactor);
    ~StringTransport() { end_now(); }

    // Gives it a protocol: connection_made comes from here. Returns the protocol, for the test to look at.
    template <class P>
    P& start(std::unique_ptr<P> protocol) {
        P& started = *protocol;
        MemoryConnection::start(std::move(protocol));
        return started;
    }

    // Bytes from the other side, delivered in this call as one piece, unless reading is paused: then they are held.
    void receive(std::string_view bytes);
    void receive_byte_by_byte(std::string_view bytes);
    void receive_end();
    // The network breaks; connection_lost comes with `error` in the next turn.
    void fail(Error error) { arrive_failure(std::move(error)); }

    // All that has left since the start, or since the last take_written().
    const std::string& written() const noexcept { return written_; }
    std::string take_written() { return std::exchange(written_, {}); }
    // Our direction has ended: after shutdown_writing() or close(), when everything queued has left.
    bool has_ended() const noexcept { return ended_; }
    bool is_aborted() const noexcept { return was_aborted(); }

    // The network takes nothing until accept_output(): what is written stays queued.
    void stall_output() noexcept { stalled_ = true; }
    // Takes `count` bytes from the queue and goes on being stalled.
    void accept_output(std::size_t count);
    // Takes everything, from now on at once.
    void accept_output();

    // Turns the reactor, without waiting, until nothing is ready.
    void settle();
    // Lets time pass, turning for each timer that comes due.
    void advance(Duration time);

private:
    explicit StringTransport(std::unique_ptr<Reactor> reactor);
    void output_changed() noexcept override;
    void take_output(std::size_t count) noexcept;

    std::unique_ptr<Reactor> own_reactor_;
    std::string written_;
    bool stalled_ = false;
    bool ended_ = false;
};

}  // namespace bine::testing
