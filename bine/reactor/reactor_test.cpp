#include "bine/reactor/reactor.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bine/testing/captured_logs.h"
#include "bine/testing/manual_driver.h"

namespace bine {

namespace {

using namespace std::chrono_literals;

struct Note final : Call {
    Note(std::string& t, char m) : text(t), mark(m) {}
    void call() override {
        text += mark;
        if (then) then();
    }
    std::string& text;
    char mark;
    Function<void()> then;
};

struct Alarm final : Timer {
    explicit Alarm(Function<void()> f) : function(std::move(f)) {}
    void expired() override { function(); }
    Function<void()> function;
};

}  // namespace

TEST_CASE("calls run in the next turn, in order, and what they queue runs in the one after") {
    Reactor reactor;
    std::string text;
    Note a(text, 'a'), b(text, 'b'), c(text, 'c');
    a.then = [&] { reactor.call_soon(c); };
    reactor.call_soon(a);
    reactor.call_soon(b);
    CHECK(text.empty());
    reactor.turn(TimePoint::min());
    CHECK(text == "ab");
    reactor.turn(TimePoint::min());
    CHECK(text == "abc");
}

TEST_CASE("a call that is destroyed leaves the queue") {
    Reactor reactor;
    std::string text;
    {
        Note gone(text, 'x');
        reactor.call_soon(gone);
    }
    reactor.turn(TimePoint::min());
    CHECK(text.empty());
}

TEST_CASE("a nested turn goes on with what the outer one has not reached") {
    Reactor reactor;
    std::string text;
    Note a(text, 'a'), b(text, 'b');
    a.then = [&] {
        reactor.turn(TimePoint::min());
        text += '|';
    };
    reactor.call_soon(a);
    reactor.call_soon(b);
    reactor.turn(TimePoint::min());
    CHECK(text == "ab|");
}

TEST_CASE("a callback that throws is logged and the turn goes on") {
    testing::CapturedLogs logs;
    Reactor reactor;
    std::string text;
    Note bad(text, 'x'), good(text, 'y');
    bad.then = [] { throw Error(Errc::broken, "so bad"); };
    reactor.call_soon(bad);
    reactor.call_soon(good);
    reactor.turn(TimePoint::min());
    CHECK(text == "xy");
    CHECK(logs.count("a callback threw") == 1);
}

TEST_CASE("run returns after stop, and can be called again") {
    Reactor reactor;
    std::string text;
    Note a(text, 'a');
    a.then = [&] { reactor.stop(); };
    for (int i = 0; i < 3; ++i) {
        reactor.call_soon(a);
        reactor.run();
    }
    CHECK(text == "aaa");
}

TEST_CASE("a stop before run makes the run return at once") {
    Reactor reactor;
    reactor.stop();
    reactor.run();
    CHECK(Reactor::current() == nullptr);
}

TEST_CASE("timers fire in the order of their deadlines, the reactor wakes for them") {
    Reactor reactor;
    std::string text;
    Alarm late([&] {
        text += 'b';
        reactor.stop();
    });
    Alarm early([&] { text += 'a'; });
    reactor.timers().arm(late, reactor.now() + 2ms);
    reactor.timers().arm(early, reactor.now() + 1ms);
    reactor.run();
    CHECK(text == "ab");
    CHECK(reactor.now() >= late.deadline());
}

TEST_CASE("what a long wait brings sees the time at which it came") {
    struct Arrival final : ThreadTask {
        explicit Arrival(testing::ManualDriver& d) : driver(d) {}
        void work() noexcept override { driver.advance(1h); }
        void done() override { then(); }
        testing::ManualDriver& driver;
        Function<void()> then;
    };
    auto owned = std::make_unique<testing::ManualDriver>();
    testing::ManualDriver& driver = *owned;
    Reactor reactor(std::move(owned));
    const TimePoint start = reactor.now();
    Alarm alarm([] {});
    Arrival arrival(driver);
    arrival.then = [&] {
        CHECK(reactor.now() == start + 1h);
        driver.advance(1ms);
        CHECK(reactor.now() == start + 1h);
        reactor.timers().arm(alarm, reactor.now() + 1min);
    };
    driver.run_in_thread(arrival);
    reactor.turn(TimePoint::max());
    CHECK(reactor.now() == start + 1h + 1ms);

    reactor.turn(TimePoint::min());
    CHECK(alarm.armed());
    reactor.turn(start + 1h + 1min);
    reactor.turn(TimePoint::min());
    CHECK_FALSE(alarm.armed());
}

TEST_CASE("calls from threads arrive whole and in the order of each thread") {
    Reactor reactor;
    constexpr int kThreads = 4;
    constexpr int kCalls = 5000;
    std::vector<int> last(kThreads, -1);
    int arrived = 0;
    bool ordered = true;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kCalls; ++i) {
                reactor.call_from_thread([&, t, i] {
                    ordered = ordered && last[static_cast<std::size_t>(t)] == i - 1;
                    last[static_cast<std::size_t>(t)] = i;
                    if (++arrived == kThreads * kCalls) reactor.stop();
                });
            }
        });
    }
    reactor.run();
    for (std::thread& thread : threads) thread.join();
    CHECK(arrived == kThreads * kCalls);
    CHECK(ordered);
}

TEST_CASE("calls from threads that come too late are dropped, and that is logged") {
    testing::CapturedLogs logs;
    {
        Reactor reactor;
        reactor.call_from_thread([] { FAIL("ran"); });
    }
    CHECK(logs.count("calls from threads came too late and were dropped") == 1);
}

TEST_CASE("stop may be called from another thread") {
    Reactor reactor;
    std::thread other([&] { reactor.stop(); });
    reactor.run();
    other.join();
}

TEST_CASE("many reactors in many threads do not know each other") {
    std::vector<std::thread> threads;
    std::vector<int> counts(4);
    for (std::size_t t = 0; t < counts.size(); ++t) {
        threads.emplace_back([&counts, t] {
            Reactor reactor;
            std::string text;
            Note again(text, '.');
            again.then = [&] {
                CHECK(Reactor::current() == &reactor);
                if (++counts[t] == 100) {
                    reactor.stop();
                } else {
                    reactor.call_soon(again);
                }
            };
            reactor.call_soon(again);
            reactor.run();
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (int count : counts) CHECK(count == 100);
}

TEST_CASE("the second lane is entered once a turn, and only when it has work") {
    struct Hooks final : LaneHooks {
        explicit Hooks(std::string& t) : text(t) {}
        void enter() override { text += '('; }
        void leave() override { text += ')'; }
        std::string& text;
    };
    Reactor reactor;
    std::string text;
    Hooks hooks(text);
    reactor.set_lane_hooks(&hooks);
    Note native(text, 'n'), a(text, 'a'), b(text, 'b');
    reactor.call_soon(a, Lane::second);
    reactor.call_soon(native);
    reactor.call_soon(b, Lane::second);
    reactor.turn(TimePoint::min());
    reactor.turn(TimePoint::min());
    CHECK(text == "n(ab)");
}

TEST_CASE("the second lane is entered for work of its own, and does not sleep before it") {
    struct Hooks final : LaneHooks {
        void enter() override { text += '('; }
        bool has_work() const noexcept override { return left > 0; }
        void serve() override {
            --left;
            text += 's';
        }
        void leave() override { text += ')'; }
        std::string text;
        int left = 2;
    };
    Reactor reactor;
    Hooks hooks;
    reactor.set_lane_hooks(&hooks);
    for (int i = 0; i < 2; ++i) reactor.turn(TimePoint::max());
    reactor.turn(TimePoint::min());
    CHECK(hooks.text == "(s)(s)");
}

TEST_CASE("a run ends with the turn in which it was done") {
    Reactor reactor;
    std::string text;
    bool done = false;
    Note a(text, 'a'), b(text, 'b');
    a.then = [&] { done = true; };
    reactor.call_soon(a);
    reactor.call_soon(b);
    reactor.run_until(done);
    reactor.run_until(done);
    CHECK(text == "ab");
}

TEST_CASE("what is disposed of is destroyed when the outermost turn has ended") {
    struct Thing final : Disposable {
        explicit Thing(std::string& t) : text(t) {}
        ~Thing() override { text += 'd'; }
        std::string& text;
    };
    Reactor reactor;
    std::string text;
    Note a(text, 'a'), inner(text, 'i');
    a.then = [&] {
        reactor.dispose(std::make_unique<Thing>(text));
        reactor.call_soon(inner);
        reactor.turn(TimePoint::min());
        text += '|';
    };
    reactor.call_soon(a);
    reactor.turn(TimePoint::min());
    CHECK(text == "ai|d");
}

TEST_CASE("a callback that holds up the loop is logged when asked for") {
    testing::CapturedLogs logs;
    ReactorOptions options;
    options.slow_callback = 1ns;
    Reactor reactor(options);
    std::string text;
    Note slow(text, 's');
    reactor.call_soon(slow);
    reactor.turn(TimePoint::min());
    CHECK(logs.count("a callback held up the loop") >= 1);
}

TEST_CASE("a reactor that ends abandons what waits in it") {
    struct Waiting final : Timer, Call {
        explicit Waiting(std::string& t) : text(t) {}
        void expired() override { text += 'x'; }
        void call() override { text += 'x'; }
        void abandoned() noexcept override { text += 'a'; }
        std::string& text;
    };
    std::string text;
    Waiting timer(text), call(text);
    {
        Reactor reactor;
        reactor.timers().arm(timer, reactor.now() + 1h);
        reactor.call_soon(call);
    }
    CHECK(text == "aa");
}

TEST_CASE("as a guest it needs one descriptor: ready work, timers and threads make it readable") {
    Reactor reactor;
    const auto readable = [&](int milliseconds) {
        pollfd fd{reactor.fd(), POLLIN, 0};
        return ::poll(&fd, 1, milliseconds) == 1;
    };
    std::string text;
    Note note(text, 'n');
    Alarm alarm([&] { text += 't'; });

    reactor.prepare_sleep();
    CHECK_FALSE(readable(0));

    reactor.call_soon(note);
    reactor.prepare_sleep();
    CHECK(readable(0));
    CHECK_FALSE(reactor.run_ready());
    CHECK(text == "n");

    reactor.timers().arm(alarm, reactor.now() + 1ms);
    reactor.prepare_sleep();
    CHECK(readable(10000));
    reactor.run_ready();
    CHECK(text == "nt");

    std::thread other([&] { reactor.call_from_thread([&] { text += 'm'; }); });
    other.join();
    CHECK(readable(0));
    reactor.run_ready();
    CHECK(text == "ntm");

    reactor.prepare_sleep();
    CHECK_FALSE(readable(0));
}

TEST_CASE("a guest that is told to stop has nothing more to do: its host does not spin") {
    Reactor reactor;
    reactor.stop();
    int turns = 0;
    while (reactor.run_ready() && ++turns < 10) {
    }
    CHECK(turns < 3);
    reactor.run();  // still knows it
}

TEST_CASE("run_ready says when more is ready") {
    Reactor reactor;
    std::string text;
    Note again(text, '.');
    again.then = [&] {
        if (text.size() < 3) reactor.call_soon(again);
    };
    reactor.call_soon(again);
    CHECK(reactor.run_ready());
    CHECK(reactor.run_ready());
    CHECK_FALSE(reactor.run_ready());
}

}  // namespace bine
