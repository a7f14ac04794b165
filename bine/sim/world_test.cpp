#include "bine/sim/world.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bine/async/sleep.h"
#include "bine/net/connection.h"
#include "bine/net/listener.h"
#include "bine/net/resolver.h"
#include "bine/reactor/reactor.h"
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

// Two hosts in a calm world, a connection from one to the other.
struct Pair {
    explicit Pair(NetworkOptions options = {.longest_latency = 20us, .fragment = false}) : world(1, options) {
        REQUIRE(listener.open(server.address(7), {}));
        auto factory = [this] { return std::make_unique<Asking>(std::string(1000, 'x'), answer); };
        const auto lost = [this](const Error* error) { refused = error ? error->text() : "connected"; };
        REQUIRE(Connection::connect(client.reactor(), server.address(7), {}, std::move(factory), lost, {}));
    }

    World world;
    Host& server = world.add_host("server");
    Host& client = world.add_host("client");
    Listener listener{server.reactor(), [] { return std::make_unique<Echo>(); }, {}};
    std::string answer, refused;
};

TEST_CASE("a partition holds up what is sent, and lets it pass in order when it ends") {
    Pair pair;
    pair.world.partition(pair.server, pair.client);
    pair.world.add_host("late");  // parts and joins nobody
    pair.world.run_for(10s);
    CHECK(pair.answer.empty());
    pair.world.join();
    CHECK(pair.world.run_until([&] { return pair.answer == std::string(1000, 'x'); }, 1s));
}

TEST_CASE("whoever gets nothing through for two minutes gives up") {
    Pair pair;
    pair.world.partition(pair.server);
    CHECK(pair.world.run_until([&] { return !pair.refused.empty(); }, 3min));
    CHECK(pair.refused.find("Connection timed out") != std::string::npos);
}

TEST_CASE("bandwidth takes its time") {
    Pair pair({.longest_latency = 20us, .bandwidth = 1000, .fragment = false});
    const TimePoint begun = pair.world.now();
    CHECK(pair.world.run_until([&] { return pair.answer.size() == 1000; }, 1min));
    CHECK(pair.world.now() - begun > 1900ms);
    CHECK(pair.world.now() - begun < 3s);
}

// Tells how its connection ended.
struct Watching final : Protocol {
    explicit Watching(std::string& ended) : ended_(ended) {}
    void connection_made(Transport& transport) override { transport_ = &transport; }
    void data_received(std::string_view) override {}
    void connection_lost(const CloseReason& reason) override {
        ended_ = reason.error() ? reason.error()->text() : "closed";
    }
    std::string& ended_;
    Transport* transport_ = nullptr;
};

TEST_CASE("a host that crashes says nothing; when it is back, it knows nobody") {
    World world(1, {.longest_latency = 20us});
    Host& server = world.add_host("server");
    Host& client = world.add_host("client");
    int starts = 0;
    server.run([&](Reactor& reactor) -> Deferred<> {
        ++starts;
        Listener listener(reactor, [] { return std::make_unique<Echo>(); }, {});
        if (!listener.open(server.address(7), {})) co_return;
        co_await sleep(reactor, 24h);
    });
    std::string ended;
    Watching* watching = nullptr;
    auto factory = [&] {
        auto made = std::make_unique<Watching>(ended);
        watching = made.get();
        return made;
    };
    REQUIRE(Connection::connect(client.reactor(), server.address(7), {}, std::move(factory), nullptr, {}));
    REQUIRE(world.run_until([&] { return watching && watching->transport_; }, 1s));
    server.crash();
    CHECK_FALSE(server.up());
    world.run_for(1min);
    CHECK(ended.empty());
    watching->transport_->write("are you there?");
    world.run_for(1min);
    CHECK(ended.empty());
    server.restart();
    CHECK(world.run_until([&] { return !ended.empty(); }, 1s));
    CHECK(ended.find("Connection reset") != std::string::npos);
    CHECK(starts == 2);
}

TEST_CASE("who waits for room at a host that crashes hears of it when the host is there again") {
    World world(1, {.longest_latency = 20us, .buffer = 64, .accept_failure = 1});
    const testing::CapturedLogs logs;  // of the listener, which never accepts
    Host& server = world.add_host("server");
    Host& client = world.add_host("client");
    server.run([&](Reactor& reactor) -> Deferred<> {
        Listener listener(reactor, [] { return std::make_unique<Echo>(); }, {});
        if (!listener.open(server.address(7), {})) co_return;
        co_await sleep(reactor, 24h);
    });
    std::string ended;
    Watching* watching = nullptr;
    auto factory = [&] {
        auto made = std::make_unique<Watching>(ended);
        watching = made.get();
        return made;
    };
    REQUIRE(Connection::connect(client.reactor(), server.address(7), {}, std::move(factory), nullptr, {}));
    REQUIRE(world.run_until([&] { return watching && watching->transport_; }, 1s));
    watching->transport_->write(std::string(1000, 'x'));
    world.run_for(1s);
    REQUIRE(watching->transport_->queued() == 1000 - 64);
    server.crash();
    world.run_for(1min);
    CHECK(ended.empty());
    server.restart();
    CHECK(world.run_until([&] { return !ended.empty(); }, 1s));
    CHECK(ended.find("Connection reset") != std::string::npos);
}

TEST_CASE("who has something on a reactor hears of its end in time, once, and whatever ends it") {
    int ends = 0;
    {
        World world(1, NetworkOptions{});
        Host& host = world.add_host("host");
        const auto hear = [&] {
            host.before_end([&ends, &host] {
                CHECK(host.up());
                ++ends;
            });
        };
        hear();
        host.crash();
        CHECK(ends == 1);
        host.restart();
        world.run_for(1s);
        host.crash();
        CHECK(ends == 1);
        host.restart();
        hear();
    }
    CHECK(ends == 2);
}

TEST_CASE("a program that crashes its own host goes with it, behind the turn") {
    World world(1, {});
    Host& host = world.add_host("host");
    bool went_on = false;
    int starts = 0;
    host.run([&](Reactor& reactor) -> Deferred<> {
        ++starts;
        co_await sleep(reactor, 1s);
        host.crash();
        co_await sleep(reactor, 1s);
        went_on = true;
    });
    world.run_for(1min);
    CHECK_FALSE(host.up());
    CHECK_FALSE(went_on);
    world.finish();
    CHECK(starts == 1);  // what a run ends with starts no program
}

TEST_CASE("names are looked up in the world, and clocks are each host's own") {
    World world(1, {});
    Host& one = world.add_host("one");
    Host& two = world.add_host("two");
    std::vector<Address> found;
    std::string missing;
    one.run([&](Reactor& reactor) -> Deferred<> {
        found = co_await resolve(reactor, "two", 80);
        auto nothing = co_await resolve(reactor, "three", 80).as_result();
        missing = nothing ? "" : nothing.error().text();
    });
    REQUIRE(world.run_until([&] { return one.done(); }, 1min));
    CHECK(found == std::vector{two.address(80), two.address_v6(80)});
    CHECK(missing.find("look up \"three\": no host of this world") != std::string::npos);
    const WallTime before = two.reactor().wall_now();
    two.jump_clock(1h);
    CHECK(two.reactor().wall_now() - before == 1h);
    CHECK(one.reactor().wall_now() < two.reactor().wall_now());
    const Duration ahead = one.reactor().wall_now() - world.wall_now();
    world.set_wall_clock(WallTime(std::chrono::seconds(2'000'000'000)));
    CHECK(world.wall_now() == WallTime(std::chrono::seconds(2'000'000'000)));
    CHECK(one.reactor().wall_now() - world.wall_now() == ahead);
}

TEST_CASE("who waits by turning comes to an end, as very many turns take time") {
    World world(1, {});
    Host& patient = world.add_host("patient");
    Host& endless = world.add_host("endless");
    const auto wait_until = [](Reactor& reactor, TimePoint end) -> Deferred<> {
        while (reactor.now() < end) co_await sleep(reactor, 0ms);
    };
    patient.run([&](Reactor& reactor) { return wait_until(reactor, reactor.now() + 1ms); });
    REQUIRE(world.run_until([&] { return patient.done(); }, 1min));
    CHECK(world.now() < TimePoint(1s) + 2ms);
    endless.run([&](Reactor& reactor) { return wait_until(reactor, TimePoint::max()); });
    CHECK(!world.run_until([&] { return endless.done(); }, 1ms));
    endless.stop();
}

TEST_CASE("disturbances end, and the world is whole again") {
    int crashes = 0;
    for (uint64_t seed = 1; seed <= 30; ++seed) {
        World world(seed);
        Host& host = world.add_host("host");
        world.add_host("other");
        int starts = 0;
        host.run([&](Reactor& reactor) -> Deferred<> {
            ++starts;
            co_await sleep(reactor, 24h);
        });
        world.disturb(1min, {&host});
        world.run_for(2min);
        CHECK(host.up());
        CHECK(world.network().reset == 0);
        crashes += starts - 1;
        world.finish();
    }
    CHECK(crashes > 5);
}

}  // namespace
}  // namespace bine::sim
