#include "bine/testing/manual_driver.h"

#include <doctest/doctest.h>

#include "bine/reactor/reactor.h"
#include "bine/testing/leftovers.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

struct Bell final : Timer {
    void expired() override { ++rings; }
    int rings = 0;
};

TEST_CASE("time only moves in a wait, and then jumps to the deadline") {
    ManualDriver driver;
    const TimePoint start = driver.now();
    CHECK(driver.now() == start);
    driver.wait(TimePoint::min());
    CHECK(driver.now() == start);
    driver.wait(start + 1h);
    CHECK(driver.now() == start + 1h);
    driver.wait(start + 5min);
    CHECK(driver.now() == start + 1h);
    driver.wake();
    driver.wait(start + 2h);
    CHECK(driver.now() == start + 1h);
    driver.advance(1s);
    CHECK(driver.now() == start + 1h + 1s);
}

TEST_CASE("wall time is what the test says, and moves along") {
    ManualDriver driver;
    driver.set_wall_now(WallTime(1'000s));
    driver.advance(5s);
    CHECK(driver.wall_now() == WallTime(1'005s));
}

TEST_CASE("chance is the same in every run") {
    std::string first(8, '\0'), second(8, '\0');
    ManualDriver driver, another;
    driver.random(first);
    another.random(second);
    CHECK(first == second);
    driver.random(second);
    CHECK(first != second);
}

TEST_CASE("work for threads runs in the next wait") {
    struct Task final : ThreadTask {
        void work() noexcept override { log += "work;"; }
        void done() override { log += "done;"; }
        void abandoned() noexcept override { log += "abandoned;"; }
        std::string log;
    };
    ManualDriver driver;
    Task task;
    driver.run_in_thread(task);
    CHECK(task.log.empty());
    driver.wait(TimePoint::max());
    CHECK(task.log == "work;done;");
    driver.run_in_thread(task);
    driver.abort_all();
    CHECK(task.log == "work;done;abandoned;");
}

TEST_CASE("a wait for ever with nothing to wait for is an error, and the network is unsupported") {
    ManualDriver driver;
    CHECK_THROWS_AS(driver.wait(TimePoint::max()), Error);
    CHECK(driver.adopt(Descriptor(), Descriptor()).error().is(Errc::unsupported));
}

TEST_CASE("what is left behind is told") {
    Reactor reactor(std::make_unique<ManualDriver>());
    CHECK(leftovers(reactor) == "");
    Bell bell;
    reactor.timers().arm(bell, reactor.now() + 1h);
    CHECK(leftovers(reactor) == "armed timers");
    reactor.timers().cancel(bell);
    struct Endless final : Call {
        explicit Endless(Reactor& r) : reactor(r) {}
        void call() override { reactor.call_soon(*this); }
        Reactor& reactor;
    } endless(reactor);
    reactor.call_soon(endless);
    CHECK(leftovers(reactor) == "callbacks that never end");
}

}  // namespace
}  // namespace bine::testing
