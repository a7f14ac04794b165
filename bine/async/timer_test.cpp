#include "bine/async/timer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "bine/base/function.h"

using namespace bine;

namespace {

TimePoint at(int64_t nanoseconds) { return TimePoint(Duration(nanoseconds)); }

struct TestTimer final : Timer {
    explicit TestTimer(Function<void(TestTimer&)> f) : function(std::move(f)) {}
    void expired() override { function(*this); }
    void abandoned() noexcept override { was_abandoned = true; }

    Function<void(TestTimer&)> function;
    bool was_abandoned = false;
};

// Small, repeatable numbers.
struct Random {
    uint64_t state = 88172645463325252u;
    uint64_t operator()() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
    }
};

}  // namespace

TEST_CASE("timers fire in the order of their deadlines, equal ones in the order of arming, none early") {
    Random random;
    TimerQueue queue(at(1000));
    std::vector<std::unique_ptr<TestTimer>> timers;
    std::vector<std::pair<int64_t, int>> expected, fired;
    TimePoint now = at(1000);
    for (int i = 0; i < 5000; ++i) {
        const int shift = static_cast<int>(random() % 40);
        const auto deadline = static_cast<int64_t>(1000 + random() % (uint64_t{1} << shift));
        timers.push_back(std::make_unique<TestTimer>([&, i](TestTimer& timer) {
            CHECK_FALSE(timer.armed());
            CHECK(timer.deadline() <= now);
            fired.emplace_back(timer.deadline().time_since_epoch().count(), i);
        }));
        queue.arm(*timers.back(), at(deadline));
        expected.emplace_back(deadline, i);
    }
    std::sort(expected.begin(), expected.end());
    while (!queue.empty()) {
        const TimePoint next = queue.next_deadline();
        REQUIRE(next <= at(expected[fired.size()].first));
        now = std::max(now + Duration(1), std::min(next, at(int64_t{1} << 41)));
        queue.expire(now);
        const std::size_t due = static_cast<std::size_t>(
            std::upper_bound(expected.begin(), expected.end(), std::pair(now.time_since_epoch().count(), INT32_MAX)) -
            expected.begin());
        REQUIRE(fired.size() == due);
    }
    CHECK(fired == expected);
    CHECK(queue.next_deadline() == TimePoint::max());
}

TEST_CASE("a timer can be moved, cancelled, and destroyed while it is armed") {
    TimerQueue queue;
    int fired = 0;
    TestTimer moved([&](TestTimer&) { ++fired; });
    queue.arm(moved, at(100));
    queue.arm(moved, at(200));
    CHECK(queue.expire(at(150)) == 0);
    CHECK(moved.armed());
    CHECK(queue.expire(at(200)) == 1);
    {
        TestTimer destroyed([&](TestTimer&) { ++fired; });
        queue.arm(destroyed, at(300));
        queue.arm(moved, at(300));
        queue.cancel(moved);
    }
    CHECK(queue.empty());
    CHECK(queue.expire(at(400)) == 0);
    CHECK(fired == 1);
}

TEST_CASE("a timer may cancel, destroy and arm others, and itself, when it fires") {
    TimerQueue queue;
    std::vector<int> fired;
    auto doomed = std::make_unique<TestTimer>([&](TestTimer&) { fired.push_back(2); });
    TestTimer cancelled([&](TestTimer&) { fired.push_back(3); });
    TestTimer first([&](TestTimer& self) {
        fired.push_back(1);
        doomed.reset();
        queue.cancel(cancelled);
        if (fired.size() == 1) queue.arm(self, at(5));
    });
    queue.arm(first, at(10));
    queue.arm(*doomed, at(10));
    queue.arm(cancelled, at(10));
    CHECK(queue.expire(at(10)) == 1);
    CHECK(queue.next_deadline() <= at(10));
    CHECK(queue.expire(at(10)) == 1);
    CHECK(fired == std::vector<int>{1, 1});
}

TEST_CASE("what the limit held back stays due, and fires in order with what came due meanwhile") {
    TimerQueue queue;
    std::vector<int64_t> fired;
    std::vector<std::unique_ptr<TestTimer>> timers;
    for (const int64_t deadline : {30, 10, 50, 20, 40}) {
        timers.push_back(std::make_unique<TestTimer>(
            [&](TestTimer& timer) { fired.push_back(timer.deadline().time_since_epoch().count()); }));
        queue.arm(*timers.back(), at(deadline));
    }
    CHECK(queue.expire(at(40), 2) == 2);
    CHECK(queue.next_deadline() <= at(40));
    TestTimer late([&](TestTimer& timer) { fired.push_back(timer.deadline().time_since_epoch().count()); });
    queue.arm(late, at(25));
    CHECK(queue.expire(at(60)) == 4);
    CHECK(fired == std::vector<int64_t>{10, 20, 25, 30, 40, 50});
}

TEST_CASE("a queue that ends tells what is still armed") {
    TestTimer timer([](TestTimer&) { FAIL("nobody asked for it"); });
    {
        TimerQueue queue;
        queue.arm(timer, TimePoint::max());
    }
    CHECK(timer.was_abandoned);
    CHECK_FALSE(timer.armed());
}
