// Deferreds that a Scheduler resolves: after a time, or in the next turn. Dropping one takes it off the scheduler, and whatever
// was to happen then does not. When the scheduler ends first, they end cancelled.
//
//     co_await sleep(scheduler, 100ms);
//     auto ping = call_later(scheduler, 20s, [&] { send_ping(); });    // dropping `ping`, or ping.cancel(), calls it off
//     call_soon(scheduler, [] { greet(); }).detach();
#pragma once

#include <utility>

#include "bine/async/deferred.h"
#include "bine/async/scheduler.h"

namespace bine {

Deferred<> sleep(Scheduler& scheduler, Duration duration, Place place = Place::current());
Deferred<> sleep_until(Scheduler& scheduler, TimePoint when, Place place = Place::current());
Deferred<> next_turn(Scheduler& scheduler, Place place = Place::current());

// `f` may return a value or a Deferred, and may throw.
template <class F>
auto call_later(Scheduler& scheduler, Duration delay, F f, Place place = Place::current()) {
    return sleep(scheduler, delay, place).then(std::move(f), place);
}
template <class F>
auto call_soon(Scheduler& scheduler, F f, Place place = Place::current()) {
    return next_turn(scheduler, place).then(std::move(f), place);
}

}  // namespace bine
