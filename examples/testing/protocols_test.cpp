// A protocol against a transport in memory, against a script, and against another one.
#include <doctest/doctest.h>

#include <memory>

#include "bine/testing/captured_logs.h"
#include "bine/testing/leftovers.h"
#include "bine/testing/manual_driver.h"
#include "bine/testing/memory_transport.h"
#include "bine/testing/scripted_peer.h"
#include "bine/testing/string_transport.h"
#include "bine/testing/transport_contract.h"
#include "greeter.h"

using namespace bine;
using namespace bine::testing;
using namespace std::chrono_literals;

TEST_CASE("a greeter greets, in whatever pieces a name comes") {
    StringTransport transport;
    transport.start(std::make_unique<Greeter>());
    transport.receive("ann\r\nbo");
    CHECK(transport.take_written() == "hello, ann\r\n");
    transport.receive_byte_by_byte("b\r\n");
    CHECK(transport.take_written() == "hello, bob\r\n");
}

TEST_CASE("a greeter hangs up on who says nothing for ten seconds") {
    const CapturedLogs logs;
    StringTransport transport;
    transport.start(std::make_unique<Greeter>());
    transport.advance(9s);
    CHECK_FALSE(transport.is_aborted());
    transport.advance(1s);
    CHECK(transport.is_aborted());
    CHECK(logs.count("somebody says nothing") == 1);
}

TEST_CASE("a greeter goes on when the network takes its bytes again") {
    StringTransport transport;
    transport.start(std::make_unique<Greeter>());
    transport.stall_output();
    transport.receive("ann\r\n");
    CHECK(transport.queued() == 12);
    transport.accept_output();
    CHECK(transport.written() == "hello, ann\r\n");
}

TEST_CASE("a greeter and a script") {
    Reactor reactor(std::make_unique<ManualDriver>());
    ScriptedPeer peer;
    peer.send("ann\r\n").expect("hello, ann\r\n").shutdown_writing().expect_end();
    MemoryPair pair(reactor);
    pair.start(peer.make_protocol(), std::make_unique<Greeter>());
    CHECK(run_until(reactor, [&] { return peer.is_done(); }));
    CHECK(peer.problem() == "");
}

// For all tests that need a reactor: each has one of its own, and what a test leaves behind is its failure.
struct WithReactor {
    Reactor reactor{std::make_unique<ManualDriver>()};
    ~WithReactor() { CHECK(leftovers(reactor) == ""); }
};

TEST_CASE_FIXTURE(WithReactor, "a time limit that was not needed is disarmed") {
    Reactor& scheduler = reactor;
    auto late = call_later(scheduler, 1h, [] {});
    CHECK(leftovers(reactor) == "armed timers");
    late.cancel();
}
