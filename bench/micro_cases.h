// The small operations of the asynchronous layer that are measured. `micro` times them, `micro_allocations` counts what
// they allocate: one list for both. A Meter has measure(name, target, run), where run(n) does the operation n times and
// `target` is the most it may cost in units of one std::function, 0 for none.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "bine/async/deferred.h"
#include "bine/async/timer.h"
#include "random.h"

namespace bench {

// Makes the compiler believe that somebody reads and writes what `object` points to.
inline void escape(void* object) { asm volatile("" : : "g"(object) : "memory"); }

class SilentTimer final : public bine::Timer {
public:
    void expired() override { std::abort(); }
};

// 100,000 idle timeouts of half a minute; connections with traffic move theirs on, one each microsecond.
class Timers {
public:
    Timers() : timers_(std::make_unique<SilentTimer[]>(kCount)) {
        for (std::size_t i = 0; i < kCount; ++i) queue_.arm(timers_[i], deadline());
    }
    ~Timers() {
        for (std::size_t i = 0; i < kCount; ++i) queue_.cancel(timers_[i]);
    }

    void rearm_in_turn(std::size_t times) {
        for (std::size_t i = 0; i < times; ++i) {
            rearm(next_);
            next_ = next_ + 1 == kCount ? 0 : next_ + 1;
        }
    }
    void rearm_at_random(std::size_t times) {
        for (std::size_t i = 0; i < times; ++i) rearm(random_.next() % kCount);
    }

private:
    static constexpr std::size_t kCount = 100'000;

    void rearm(std::size_t index) {
        now_ += std::chrono::microseconds(1);
        queue_.cancel(timers_[index]);
        queue_.arm(timers_[index], deadline());
        if (++rearmed_ % 1000 == 0) queue_.expire(now_);
    }

    // With a jitter of up to a second, cheap to draw.
    bine::TimePoint deadline() {
        jitter_ = jitter_ * 0x5851f42d4c957f2d + 1;
        return now_ + std::chrono::seconds(30) + std::chrono::nanoseconds(jitter_ >> 34);
    }

    std::unique_ptr<SilentTimer[]> timers_;
    bine::TimePoint now_{};
    bine::TimerQueue queue_;
    Random random_{1};
    std::uint64_t jitter_ = 1;
    std::size_t rearmed_ = 0;
    std::size_t next_ = 0;
};

template <class Meter>
void measure_timers(Meter& meter) {
    Timers timers;
    meter.measure("timer cancel + re-arm, each of 100,000 in turn", 0.8,
                  [&](std::size_t n) { timers.rearm_in_turn(n); });
    meter.measure("timer cancel + re-arm, any of 100,000", 0, [&](std::size_t n) { timers.rearm_at_random(n); });
}

// An operation that is under way until finish() resolves it.
class Operation {
public:
    bine::Deferred<std::uint64_t> start() {
        bine::Promise<std::uint64_t> promise;
        bine::Deferred<std::uint64_t> deferred = promise.deferred();
        pending_.emplace(std::move(promise));
        return deferred;
    }

    void finish(std::uint64_t value) {
        std::move(*pending_).resolve(value);
        pending_.reset();
    }

private:
    std::optional<bine::Promise<std::uint64_t>> pending_;
};

// Ends the program when the work that was timed did not happen.
inline void require_sum(std::uint64_t sum, std::uint64_t expected) {
    if (sum != expected) std::abort();
}

// `f` captures as much as the unit does.
inline void then_and_resolve(std::size_t times) {
    Operation operation;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < times; ++i) {
        std::uint64_t one = 1;
        std::uint64_t two = 2;
        escape(&one);
        escape(&two);
        auto done = operation.start().then([&sum, one, two](std::uint64_t value) { sum += value + one + two; });
        operation.finish(3);
    }
    require_sum(sum, times * 6);
}

inline bine::Deferred<std::uint64_t> await_operation(Operation& operation) {
    const std::uint64_t value = co_await operation.start();
    co_return value + 1;
}

inline void await_and_resolve(std::size_t times) {
    Operation operation;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < times; ++i) {
        auto done = await_operation(operation);
        operation.finish(3);
        sum += *std::move(done).result();
    }
    require_sum(sum, times * 4);
}

template <class Meter>
void measure_deferreds(Meter& meter) {
    meter.measure("op().then(f) + resolve", 2.0, then_and_resolve);
    meter.measure("coroutine awaits an operation, resolved later", 4.0, await_and_resolve);
}

template <class Meter>
void measure_all(Meter& meter) {
    measure_deferreds(meter);
    measure_timers(meter);
}

}  // namespace bench
