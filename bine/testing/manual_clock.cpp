#include "bine/testing/manual_clock.h"

#include <algorithm>

namespace bine::testing {

ManualClock::~ManualClock() {
    do {
        while (Call* call = calls_.pop_front()) call->abandoned();
        timers_.abandon_all();
    } while (!calls_.empty());
}

void ManualClock::call_soon(Call& call) noexcept {
    if (!call.linked()) calls_.push_back(call);
}

// What a call queues waits for the next turn.
std::size_t ManualClock::turn() {
    struct Mark final : Call {
        void call() override {}
    } mark;
    std::size_t called = 0;
    calls_.push_back(mark);
    while (mark.linked()) {
        Call* next = calls_.pop_front();
        if (next != &mark) ++called;
        next->call();
    }
    return called + timers_.expire(now_);
}

std::size_t ManualClock::run_ready() {
    std::size_t called = 0;
    while (!calls_.empty() || timers_.next_deadline() <= now_) called += turn();
    return called;
}

void ManualClock::advance(Duration by) {
    const TimePoint end = now_ + by;
    run_ready();
    while (timers_.next_deadline() <= end) {
        now_ = std::max(now_, timers_.next_deadline());
        turn();
        run_ready();
    }
    now_ = end;
}

void ManualClock::run_until_idle(Duration limit) {
    const TimePoint end = now_ + limit;
    run_ready();
    while (!timers_.empty() && timers_.next_deadline() <= end) {
        now_ = std::max(now_, timers_.next_deadline());
        turn();
        run_ready();
    }
}

}  // namespace bine::testing
