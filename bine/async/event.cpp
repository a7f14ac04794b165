#include "bine/async/event.h"

namespace bine {

void Event::set() noexcept {
    set_ = true;
    pulse();
}

void Event::pulse() noexcept {
    const ChainBatch batch;
    while (Waiter<void>* waiter = waiters_.pop_front()) waiter->resolve();
}

Deferred<> Event::wait(Place place) { return set_ ? ready(place) : waiters_.wait(place); }

}  // namespace bine
