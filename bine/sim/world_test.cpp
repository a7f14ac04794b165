#include "bine/sim/world.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bine/net/connection.h"
#include "bine/net/listener.h"
#include "bine/testing/captured_logs.h"

namespace bine::sim {
namespace {

using namespace std::chrono_literals;

struct Echo final : Protocol {
    void connection_made(Transport& transport) override { transport_ = &transport; }
    void data_received(std::string_view bytes) override { transport_->write(bytes); }
    Transport* transport_ = nullptr;
};

// Sends a message and closes when it has come back.
struct Asking final : Protocol {
    Asking(std::string message, std::string& answer) : message_(std::move(message)), answer_(answer) {}
    void connection_made(Transport& transport) override {
        transport_ = &transport;
        transport.write(message_);
    }
    void data_received(std::string_view bytes) override {
        answer_.append(bytes);
        if (answer_.size() >= message_.size()) transport_->close();
    }
    std::string message_;
    std::string& answer_;
    Transport* transport_ = nullptr;
};

struct Run {
    bool complete = false;
    uint64_t trace = 0;
    Duration took{};
    std::vector<std::string> answers;
};

// Five clients of their own hosts, one server.
Run echo_among_hosts(uint64_t seed, NetworkOptions options = {}) {
    World world(seed, options);
    Run run;
    run.answers.resize(5);
    Host& server = world.add_host("server");
    Listener listener(server.reactor(), [] { return std::make_unique<Echo>(); }, {});
    REQUIRE(listener.open(server.address(7000), {}));
    const TimePoint start = world.now();
    for (std::size_t i = 0; i < 5; ++i) {
        auto factory = [&run, i] {
            return std::make_unique<Asking>(std::string(10'000 * (i + 1), static_cast<char>('a' + i)), run.answers[i]);
        };
        REQUIRE(Connection::connect(world.add_host("client").reactor(), listener.address(), {}, std::move(factory),
                                    nullptr, {}));
    }
    const auto done = [&] {
        for (std::size_t i = 0; i < 5; ++i) {
            if (run.answers[i].size() < 10'000 * (i + 1)) return false;
        }
        return listener.connections() == 0;
    };
    run.complete = world.run_until(done);
    run.trace = world.trace_hash();
    run.took = world.now() - start;
    return run;
}

TEST_CASE("hosts talk to each other, and the same seed tells the same story") {
    const Run first = echo_among_hosts(3);
    CHECK(first.complete);
    for (std::size_t i = 0; i < 5; ++i)
        CHECK(first.answers[i] == std::string(10'000 * (i + 1), static_cast<char>('a' + i)));
    CHECK(first.took > 0ns);
    CHECK(first.took < 10s);
    const Run again = echo_among_hosts(3);
    CHECK(again.trace == first.trace);
    CHECK(again.took == first.took);
    CHECK(echo_among_hosts(4).trace != first.trace);
}

TEST_CASE("a listener gets over accepts that fail") {
    const testing::CapturedLogs quiet;
    CHECK(echo_among_hosts(5, {.accept_failure = 2}).complete);
}

TEST_CASE("time jumps from timer to timer of every host") {
    struct Alarm final : Timer {
        void expired() override { rang.push_back(world->now()); }
        World* world = nullptr;
        std::vector<TimePoint> rang;
    };
    World world(1);
    Reactor& first = world.add_host("first").reactor();
    Reactor& second = world.add_host("second").reactor();
    Alarm late, early;
    late.world = early.world = &world;
    const TimePoint start = world.now();
    first.timers().arm(late, start + 30min);
    second.timers().arm(early, start + 10min);
    CHECK(world.run_until([&] { return !late.rang.empty(); }));
    CHECK(early.rang == std::vector{start + 10min});
    CHECK(late.rang == std::vector{start + 30min});
    CHECK(first.now() == start + 30min);
}

TEST_CASE("a world in which nothing will ever happen says so") {
    World world(1);
    world.add_host("lonely");
    CHECK_FALSE(world.run_until([] { return false; }));
    Reactor alone(world.make_driver());
    CHECK_THROWS_AS(alone.turn(TimePoint::max()), Error);
}

TEST_CASE("datagrams are lost as often as asked, and may overtake each other") {
    struct Inbox final : DatagramSink {
        void datagram_received(std::string_view bytes, const Address&) override { received.emplace_back(bytes); }
        void send_failed(const Error&) override {}
        std::vector<std::string> received;
    };
    World world(2, {.datagram_loss = 4});
    Reactor& host = world.add_host("one").reactor();
    Inbox inbox, outbox;
    const SocketId to = host.driver().open_datagram(Address::loopback(53), {}, inbox).value();
    const SocketId from = host.driver().open_datagram({}, Address::loopback(53), outbox).value();
    host.driver().resume(to);
    for (int i = 0; i < 200; ++i) CHECK(host.driver().send_datagram(from, std::to_string(1000 + i), {}));
    CHECK_FALSE(world.run_until([] { return false; }, 1min));
    CHECK(inbox.received.size() > 100);
    CHECK(inbox.received.size() < 190);
    CHECK_FALSE(std::is_sorted(inbox.received.begin(), inbox.received.end()));
}

}  // namespace
}  // namespace bine::sim
