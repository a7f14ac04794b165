// All that asynchronous code needs of a loop: the time, the next turn, and timers. The reactor is one Scheduler, the
// manual clock of the tests another. Confined to the loop's thread.
#pragma once

#include "bine/async/timer.h"
#include "bine/base/intrusive_list.h"
#include "bine/base/time.h"

namespace bine {

// Something to be called in the next turn: derive, implement call(), keep it alive while queued. Destroying a queued
// one takes it out of the queue.
class Call : public ListHook<> {
public:
    virtual void call() = 0;
    // The scheduler has ended while this one was queued: nobody will call it. May destroy itself.
    virtual void abandoned() noexcept {}

protected:
    ~Call() = default;
};

class Scheduler {
public:
    // The time of the current turn: reading it costs no system call, and it stands still while callbacks run.
    virtual TimePoint now() const noexcept = 0;

    // Runs `call` in the next turn, after all that were queued before it. Queued already: it stays where it is.
    virtual void call_soon(Call& call) noexcept = 0;

    // Where timers are set: `timers().arm(timer, when)`, `timers().cancel(timer)`.
    virtual TimerQueue& timers() noexcept = 0;

protected:
    ~Scheduler() = default;
};

// `duration` from now, or the end of time.
inline TimePoint time_after(const Scheduler& scheduler, Duration duration) noexcept {
    const TimePoint now = scheduler.now();
    return duration < TimePoint::max() - now ? now + duration : TimePoint::max();
}

}  // namespace bine
