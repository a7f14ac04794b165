// The other kind of result: shared by many, and its callbacks run in the next turn of a Scheduler, never at once.
//
//     Future<Config> config = load(path).to_future(scheduler);       // copies share it
//     config.then([](Config value) { ... }).detach();                 // and so does
//     auto value = co_await config;                                   // this
//
// Each who waits gets a copy of the value. When the last copy and the last who waits are gone, what is pending is cancelled.
// Confined to the scheduler's thread; the scheduler outlives what waits.
#pragma once

#include <optional>
#include <utility>

#include "bine/async/scheduler.h"
#include "bine/async/waiter.h"

namespace bine {

// What the copies share: waits for the Deferred, keeps its result. Counts the copies and those who wait.
class FutureStage : public Stage, public Call {
public:
    void retain() noexcept { ++users_; }
    void leave() noexcept {
        if (--users_ == 0) drop();
    }
    bool done() const noexcept { return settled(); }
    void wake_next_turn() noexcept { scheduler_.call_soon(*this); }

protected:
    FutureStage(std::size_t bytes, Scheduler& scheduler, const Place& made) noexcept
        : Stage(kConsumer | kBody, kValue | kError | kCancelled, bytes, made), scheduler_(scheduler) {}
    ~FutureStage() override;

    Stage* result() const noexcept { return result_; }
    // Of a result that is an error; from then on somebody has seen it.
    const Error& error() noexcept {
        error_seen_ = true;
        return *error_;
    }
    bool failed() const noexcept { return error_.has_value(); }
    virtual bool has_waiters() const noexcept = 0;

private:
    void resume() noexcept final;
    void unwind() noexcept final {}

    Scheduler& scheduler_;
    Stage* result_ = nullptr;
    std::optional<Error> error_;
    bool error_seen_ = false;
    uint32_t users_ = 1;
};

template <class T>
class FutureWaiter final : public Waiter<T> {
public:
    FutureWaiter(std::size_t bytes, FutureStage& future, const Place& made) noexcept
        : Waiter<T>(bytes, made), future_(future) {
        future_.retain();
    }
    ~FutureWaiter() override { future_.leave(); }

private:
    FutureStage& future_;
};

template <class T>
class TypedFutureStage final : public FutureStage {
public:
    TypedFutureStage(std::size_t bytes, Scheduler& scheduler, const Place& made) noexcept
        : FutureStage(bytes, scheduler, made) {}

    Deferred<T> wait(const Place& place) {
        auto* waiter = make_stage<FutureWaiter<T>>(*this, place);
        waiters_.push_back(*waiter);
        if (done()) wake_next_turn();
        return Deferred<T>(waiter);
    }

private:
    bool has_waiters() const noexcept override { return !waiters_.empty(); }

    void call() override {
        retain();
        {
            const ChainBatch batch;
            while (Waiter<T>* waiter = waiters_.pop_front()) settle(*waiter);
        }
        leave();
    }
    void abandoned() noexcept override {
        retain();
        {
            const ChainBatch batch;
            while (Waiter<T>* waiter = waiters_.pop_front()) waiter->abandon();
        }
        leave();
    }

    void settle(Waiter<T>& waiter) {
        if (failed()) {
            waiter.settle_error(error());
        } else if (result()->outcome() == Outcome::cancelled) {
            waiter.abandon();
        } else if constexpr (std::is_void_v<T>) {
            waiter.resolve();
        } else {
            try {
                waiter.resolve(std::as_const(static_cast<ResultStage<T>*>(result())->value()));
            } catch (...) {
                waiter.settle_error(Error::from_current_exception());
            }
        }
    }

    IntrusiveList<Waiter<T>, Waiter<T>> waiters_;
};

template <class T = void>
class Future {
public:
    using value_type = T;

    Future(Scheduler& scheduler, Deferred<T> deferred, Place place = Place::current())
        : stage_(attach<TypedFutureStage<T>>(deferred.release(), scheduler, place)) {}
    Future(const Future& other) noexcept : stage_(other.stage_) {
        if (stage_) stage_->retain();
    }
    Future(Future&& other) noexcept : stage_(std::exchange(other.stage_, nullptr)) {}
    Future& operator=(Future other) noexcept {
        std::swap(stage_, other.stage_);
        return *this;
    }
    ~Future() {
        if (stage_) stage_->leave();
    }

    bool done() const noexcept { return stage_->done(); }

    // A Deferred of one's own, resolved in a later turn in any case. Dropping it takes it off the list of those who wait.
    Deferred<T> to_deferred(Place place = Place::current()) const { return stage_->wait(place); }
    template <class F>
    auto then(F f, Place place = Place::current()) const {
        return to_deferred(place).then(std::move(f), place);
    }

private:
    TypedFutureStage<T>* stage_;
};

template <class T>
Future<T> Deferred<T>::to_future(Scheduler& scheduler, Place place) && {
    return Future<T>(scheduler, std::move(*this), place);
}

}  // namespace bine
