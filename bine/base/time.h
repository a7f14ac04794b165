// The points and lengths of time that bine speaks of. A type, not a clock: only a Driver reads one.
#pragma once

#include <chrono>

namespace bine {

// Lengths of time, in nanoseconds; std::chrono's literals convert.
using Duration = std::chrono::nanoseconds;

// A monotonic time line, of which only differences mean anything. It has no now(): ask a Scheduler.
struct MonotonicClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicClock>;
    static constexpr bool is_steady = true;
};

using TimePoint = MonotonicClock::time_point;

// Nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. It may jump; never measure with it.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

}  // namespace bine
