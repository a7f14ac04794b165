// Calls something again and again.
//
//     auto beat = looping_call(scheduler, 20s, [&] { return send_ping(); });     // dropping `beat` ends it
//
// The times are multiples of the interval since the start; a call that takes longer, or whose Deferred does, skips those that it
// missed. Confined to the scheduler's thread.
#pragma once

#include <type_traits>
#include <utility>

#include "bine/async/deferred.h"
#include "bine/async/scheduler.h"
#include "bine/base/function.h"

namespace bine {

enum class FirstCall : uint8_t { after_interval, now };

Deferred<> run_looping_call(Scheduler& scheduler, Duration interval, Function<Deferred<>()> f, FirstCall first);

// `f()` returns nothing or a Deferred<>, which is waited for; it is kept for as long as it may be called. What it throws or fails
// with ends the loop; nothing else does. `interval` is positive.
template <class F>
Deferred<> looping_call(Scheduler& scheduler, Duration interval, F f, FirstCall first = FirstCall::after_interval) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        return run_looping_call(
            scheduler, interval,
            [f = std::move(f)]() mutable {
                f();
                return ready();
            },
            first);
    } else {
        return run_looping_call(scheduler, interval, std::move(f), first);
    }
}

}  // namespace bine
