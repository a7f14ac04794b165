#include "bine/async/sleep.h"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bine/async/looping_call.h"
#include "bine/testing/manual_clock.h"

using namespace bine;
using namespace std::chrono_literals;

TEST_CASE("sleep ends when its time has come, and not before") {
    testing::ManualClock clock;
    auto nap = sleep(clock, 5s);
    clock.advance(5s - 1ns);
    CHECK_FALSE(nap.done());
    clock.advance(1ns);
    CHECK(nap.done());
    CHECK(clock.idle());
}

TEST_CASE("sleeping for longer than time lasts is for ever") {
    testing::ManualClock clock(TimePoint(Duration(1000)));
    auto nap = sleep(clock, Duration::max());
    clock.advance(24h);
    CHECK_FALSE(nap.done());
}

TEST_CASE("sleeps end in the order of their times, equal ones in the order of asking") {
    testing::ManualClock clock;
    std::string log;
    std::vector<Deferred<>> naps;
    for (const int seconds : {3, 1, 2, 1}) {
        naps.push_back(sleep(clock, std::chrono::seconds(seconds)).then([&log, seconds, n = naps.size()] {
            log += std::to_string(seconds) + "/" + std::to_string(n) + " ";
        }));
    }
    clock.advance(10s);
    CHECK(log == "1/1 1/3 2/2 3/0 ");
}

TEST_CASE("dropping or cancelling takes it off the scheduler") {
    testing::ManualClock clock;
    bool called = false;
    {
        auto nap = sleep(clock, 1s);
        auto turn = next_turn(clock);
        auto later = call_later(clock, 1s, [&] { called = true; });
    }
    CHECK(clock.idle());
    auto soon = call_soon(clock, [&] { called = true; });
    soon.cancel();
    clock.run_until_idle();
    CHECK_FALSE(called);
}

TEST_CASE("call_soon runs in the next turn, after what was queued before, and what it queues in the one after") {
    testing::ManualClock clock;
    std::string log;
    call_soon(clock, [&] {
        log += "a ";
        call_soon(clock, [&] { log += "c "; }).detach();
    }).detach();
    call_soon(clock, [&] { log += "b "; }).detach();
    CHECK(log.empty());
    clock.turn();
    CHECK(log == "a b ");
    clock.turn();
    CHECK(log == "a b c ");
}

TEST_CASE("a scheduler that ends leaves what waits for it cancelled") {
    Deferred<> nap, turn;
    {
        testing::ManualClock clock;
        nap = sleep(clock, 1s);
        turn = next_turn(clock);
    }
    CHECK(std::move(nap).result().error().is(Errc::cancelled));
    CHECK(std::move(turn).result().error().is(Errc::cancelled));
}

TEST_CASE("advance stops at each deadline on the way") {
    testing::ManualClock clock;
    std::vector<int64_t> seen;
    const auto body = [&](Scheduler& scheduler) -> Deferred<> {
        for (int i = 0; i < 3; ++i) {
            co_await sleep(scheduler, 2s);
            seen.push_back((scheduler.now() - TimePoint()) / 1s);
        }
    };
    auto task = body(clock);
    clock.advance(7s);
    CHECK(seen == std::vector<int64_t>{2, 4, 6});
    CHECK(clock.now() == TimePoint(7s));
    CHECK(task.done());
}

TEST_CASE("a looping call keeps to its times") {
    testing::ManualClock clock;
    int calls = 0;
    {
        auto loop = looping_call(clock, 10s, [&] { ++calls; });
        clock.advance(9s);
        CHECK(calls == 0);
        clock.advance(21s);
        CHECK(calls == 3);
    }
    clock.advance(60s);
    CHECK(calls == 3);
    auto at_once = looping_call(clock, 10s, [&] { ++calls; }, FirstCall::now);
    CHECK(calls == 4);
}

TEST_CASE("a looping call waits for a slow one and skips what it missed") {
    testing::ManualClock clock;
    std::vector<int64_t> starts;
    auto loop = looping_call(clock, 10s, [&]() -> Deferred<> {
        starts.push_back((clock.now() - TimePoint()) / 1s);
        co_await sleep(clock, starts.size() == 1 ? 25s : 1s);
    });
    clock.advance(60s);
    CHECK(starts == std::vector<int64_t>{10, 40, 50, 60});
}

TEST_CASE("a looping call ends with what a call throws") {
    testing::ManualClock clock;
    auto counted = std::make_shared<int>(0);
    auto loop = looping_call(clock, 1s, [counted] {
        if (++*counted == 3) throw std::runtime_error("three");
    });
    clock.advance(10s);
    CHECK(*counted == 3);
    CHECK(counted.use_count() == 1);
    CHECK(std::move(loop).result().error().text() == "three");
}
