// One at a time, in the order of asking. Confined to one thread: it keeps coroutines apart across their awaits, not threads.
//
//     auto guard = co_await lock.acquire();      // unlocks when it is destroyed
#pragma once

#include "bine/async/semaphore.h"

namespace bine {

class Lock {
public:
    using Guard = Semaphore::Permit;

    Deferred<Guard> acquire(Place place = Place::current()) { return permits_.acquire(place); }
    // Empty when it is held.
    Guard try_acquire() noexcept { return permits_.try_acquire(); }
    bool held() const noexcept { return permits_.available() == 0; }

private:
    Semaphore permits_{1};
};

}  // namespace bine
