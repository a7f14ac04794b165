#include "bine/async/looping_call.h"

#include "bine/async/sleep.h"

namespace bine {

Deferred<> run_looping_call(Scheduler& scheduler, Duration interval, Function<Deferred<>()> f, FirstCall first) {
    TimePoint next = scheduler.now();
    if (first == FirstCall::after_interval) next += interval;
    for (;;) {
        if (next > scheduler.now()) co_await sleep_until(scheduler, next);
        co_await f();
        const Duration late = scheduler.now() - next;
        next += (late / interval + 1) * interval;
    }
}

}  // namespace bine
