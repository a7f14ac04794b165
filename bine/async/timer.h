// Timers: intrusive, of nanosecond resolution, a few nanoseconds to arm, cancel and re-arm among any number.
//
// TimerQueue keeps timers in buckets by the highest bit in which their deadline differs from the time last expired
// (as Seastar's timer_set does), so arming is a few instructions and nothing ticks. Timers that are due fire in the order
// of their deadlines, and equal deadlines in the order in which they were armed. Confined to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "bine/base/intrusive_list.h"
#include "bine/base/time.h"

namespace bine {

// Derive and implement expired(). The object must outlive its arming; destroying an armed timer cancels it.
class Timer : public ListHook<Timer> {
public:
    bool armed() const noexcept { return linked(); }
    // Meaningful while armed.
    TimePoint deadline() const noexcept { return deadline_; }

    // Called once, disarmed already: it may arm itself again, and may destroy itself.
    virtual void expired() = 0;

protected:
    Timer() = default;
    ~Timer() = default;

private:
    friend class TimerQueue;
    TimePoint deadline_{};
    uint64_t sequence_ = 0;
};

class TimerQueue {
public:
    explicit TimerQueue(TimePoint start = {}) noexcept : last_(start) {}

    // Armed already: it is moved. A deadline in the past is due at once.
    void arm(Timer& timer, TimePoint deadline) noexcept;
    void cancel(Timer& timer) noexcept;
    bool empty() const noexcept;

    // When to look again: never later than the earliest deadline, perhaps earlier. TimePoint::max() when empty.
    TimePoint next_deadline() const noexcept;

    // Fires what is due at `now`, at most `limit`; returns how many fired. A timer armed meanwhile for a time that has come
    // waits for the next call. What `limit` held back stays due (next_deadline() is then not after `now`).
    std::size_t expire(TimePoint now, std::size_t limit = SIZE_MAX);
};

}  // namespace bine
