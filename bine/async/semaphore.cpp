#include "bine/async/semaphore.h"

namespace bine {

Deferred<Semaphore::Permit> Semaphore::acquire(Place place) {
    if (free_ == 0) return waiters_.wait(place);
    return ready(try_acquire(), place);
}

Semaphore::Permit Semaphore::try_acquire() noexcept {
    if (free_ == 0) return {};
    --free_;
    return Permit(*this);
}

void Semaphore::give_back() noexcept {
    if (Waiter<Permit>* next = waiters_.pop_front()) {
        next->resolve(Permit(*this));
    } else {
        ++free_;
    }
}

}  // namespace bine
