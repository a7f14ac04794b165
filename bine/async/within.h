// A time limit round a Deferred.
//
//     auto page = co_await within(scheduler, 5s, fetch(url));      // throws Errc::timed_out
#pragma once

#include <utility>

#include "bine/async/deferred.h"
#include "bine/async/interruptible_stage.h"
#include "bine/async/scheduler.h"

namespace bine {

Error time_limit_error(const Place& place);

template <class T>
class WithinStage final : public InterruptibleStage<T>, public Timer {
public:
    WithinStage(std::size_t bytes, Scheduler& scheduler, TimePoint deadline, const Place& made) noexcept
        : InterruptibleStage<T>(bytes, made) {
        scheduler.timers().arm(*this, deadline);
    }
    void expired() override { this->interrupt(); }

private:
    Error reason() const override { return time_limit_error(this->made()); }
    void disarm() noexcept override { unlink(); }
};

// When `duration` has passed, cancels `deferred` and ends with Errc::timed_out. A result that comes first wins; when `deferred`
// ends cancelled for another reason, so does this.
template <class T>
Deferred<T> within(Scheduler& scheduler, Duration duration, Deferred<T> deferred, Place place = Place::current()) {
    return Deferred<T>(attach<WithinStage<T>>(deferred.release(), scheduler, time_after(scheduler, duration), place));
}

}  // namespace bine
