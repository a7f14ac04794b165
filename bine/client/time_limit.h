// Limits of time round what a client does, each with an error that says what was not done. Inner part of the client.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "bine/async/within.h"
#include "bine/reactor/reactor.h"

namespace bine::http {

// "30 s", "1.5 s", "200 ms", "10 min".
std::string in_words(Duration time);

// The end of the whole request.
struct Deadline {
    TimePoint when = TimePoint::max();  // max(): none
    Duration total{};                   // how long that was from the start
};

// `deferred`, for no longer than `limit` (0: any time) nor beyond the end of the whole. Errors: timed_out, which says `what`.
template <class T>
Deferred<T> in_time(Reactor& reactor, Duration limit, const Deadline& whole, std::string what, Deferred<T> deferred) {
    const Duration left = whole.when == TimePoint::max() ? Duration::max() : whole.when - reactor.now();
    const Duration own = limit > Duration(0) ? limit : Duration::max();
    if (std::min(left, own) == Duration::max()) return deferred;
    const Duration shown = own <= left ? limit : whole.total;
    return within(reactor, std::max(std::min(left, own), Duration(0)), std::move(deferred).as_result())
        .as_result()
        .then([what = std::move(what), shown](Result<Result<T>> result) -> T {
            if (!result && result.error().is(Errc::timed_out)) {
                throw Error(Errc::timed_out, what + " within " + in_words(shown));
            }
            if (!result) throw result.error();
            if (!*result) throw result->error();
            if constexpr (!std::is_void_v<T>) return std::move(**result);
        });
}

}  // namespace bine::http
