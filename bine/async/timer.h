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
    // The queue has ended while this one was armed: nobody will call expired(). May destroy itself.
    virtual void abandoned() noexcept {}

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
    ~TimerQueue();

    // Armed already: it is moved. A deadline in the past is due at once.
    void arm(Timer& timer, TimePoint deadline) noexcept;
    void cancel(Timer& timer) noexcept;
    bool empty() const noexcept;

    // When to look again: never later than the earliest deadline, perhaps earlier. TimePoint::max() when empty.
    TimePoint next_deadline() noexcept;

    // Fires what is due at `now`, at most `limit`; returns how many fired. A timer armed meanwhile for a time that has come
    // waits for the next call. What `limit` held back stays due (next_deadline() is then not after `now`).
    std::size_t expire(TimePoint now, std::size_t limit = SIZE_MAX);

    // Calls abandoned() for every armed timer, earliest first, those armed meanwhile too.
    void abandon_all() noexcept;

private:
    using List = IntrusiveList<Timer, Timer>;

    void insert(Timer& timer) noexcept;
    void gather_due(TimePoint now);

    // Every deadline in buckets_[b] is later than last_ and differs from it in bit b first.
    std::array<List, 64> buckets_;
    uint64_t filled_ = 0;  // a bit for each bucket that may hold something
    List due_;             // deadlines that have come, in the order in which they fire
    List overdue_;         // armed for a time that had come already
    TimePoint last_;
    uint64_t sequence_ = 0;
};

}  // namespace bine
