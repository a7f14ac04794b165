#include "bine/async/sleep.h"

namespace bine {

namespace {

class SleepStage final : public ResultStage<void>, public Timer {
public:
    SleepStage(std::size_t bytes, Scheduler& scheduler, TimePoint when, const Place& made) noexcept
        : ResultStage<void>(kConsumer | kBody, 0, bytes, made) {
        scheduler.timers().arm(*this, when);
    }

    void expired() override { settle(); }
    void abandoned() noexcept override { abandon(); }

private:
    void resume() noexcept override {}
    void unwind() noexcept override { unlink(); }
};

class NextTurnStage final : public ResultStage<void>, public Call {
public:
    NextTurnStage(std::size_t bytes, Scheduler& scheduler, const Place& made) noexcept
        : ResultStage<void>(kConsumer | kBody, 0, bytes, made) {
        scheduler.call_soon(*this);
    }

    void call() override { settle(); }
    void abandoned() noexcept override { abandon(); }

private:
    void resume() noexcept override {}
    void unwind() noexcept override { unlink(); }
};

}  // namespace

Deferred<> sleep_until(Scheduler& scheduler, TimePoint when, Place place) {
    return Deferred<>(make_stage<SleepStage>(scheduler, when, place));
}

Deferred<> sleep(Scheduler& scheduler, Duration duration, Place place) {
    return sleep_until(scheduler, time_after(scheduler, duration), place);
}

Deferred<> next_turn(Scheduler& scheduler, Place place) {
    return Deferred<>(make_stage<NextTurnStage>(scheduler, place));
}

}  // namespace bine
