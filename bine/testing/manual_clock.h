// A Scheduler whose time the test moves: nothing sleeps, and the order of everything is the same in every run.
//
//     testing::ManualClock clock;
//     auto late = sleep(clock, 5s);
//     clock.advance(5s);          // late.done()
//
// Confined to one thread.
#pragma once

#include <cstddef>

#include "bine/async/scheduler.h"

namespace bine::testing {

class ManualClock final : public Scheduler {
public:
    explicit ManualClock(TimePoint start = {}) noexcept : now_(start), timers_(start) {}
    // What is queued and armed is told that it has been abandoned.
    ~ManualClock();
    ManualClock(const ManualClock&) = delete;
    ManualClock& operator=(const ManualClock&) = delete;

    TimePoint now() const noexcept override { return now_; }
    void call_soon(Call& call) noexcept override;
    TimerQueue& timers() noexcept override { return timers_; }

    // One turn at the present time: what was queued before it, then the timers that are due. Returns how many it called.
    std::size_t turn();
    // Turns, without moving the time, until nothing is queued or due. Returns how many it called.
    std::size_t run_ready();
    // Moves the time from one deadline to the next until `by` has passed, running what is ready at each.
    void advance(Duration by);
    // The same until nothing is queued or armed, or `limit` has passed.
    void run_until_idle(Duration limit = std::chrono::hours(24));

    bool idle() noexcept { return calls_.empty() && timers_.empty(); }

private:
    IntrusiveList<Call> calls_;
    TimePoint now_;
    TimerQueue timers_;
};

}  // namespace bine::testing
