// A condition that many may wait for. Level-triggered: once set, waiting is over at once. Confined to one thread.
//
//     Event shutdown;
//     co_await shutdown.wait();      // any number of these
//     shutdown.set();
#pragma once

#include "bine/async/waiter.h"

namespace bine {

class Event {
public:
    Event() = default;
    // Whoever still waits ends cancelled.
    ~Event() = default;

    bool is_set() const noexcept { return set_; }
    // Wakes all that wait, in the order in which they came. May destroy the event.
    void set() noexcept;
    void clear() noexcept { set_ = false; }
    // Wakes those that wait now, and leaves it clear.
    void pulse() noexcept;

    Deferred<> wait(Place place = Place::current());

private:
    bool set_ = false;
    WaiterList<void> waiters_;
};

}  // namespace bine
