// Deferred: the result of an asynchronous function, that will be there later. Every one returns a Deferred.
//
//     Deferred<std::string> fetch(Cache& cache, int id) {          // a coroutine: starts at once, runs to its first await
//         auto row = co_await cache.find(id);                      // throws the Error, if it failed
//         co_return row.text();                                    // or `co_return fail(Errc::not_found, "...")`, no throw
//     }
//
//     fetch(cache, 7).then([](std::string text) { return text.size(); })      // callbacks; may return a Deferred as well
//                    .recover([](Error error) { return 0uz; })
//                    .finally([] { log_done(); })
//                    .detach();                                               // whoever does not wait for it says so
//
//     Deferred<int> answer() {                                     // the producing side
//         Promise<int> promise;
//         auto deferred = promise.deferred();
//         start([promise = std::move(promise)](int value) mutable { std::move(promise).resolve(value); });
//         return deferred;                                         // ready(42) and failed(error) are there already
//     }
//
//     auto outcome = co_await fetch(cache, 7).as_result();         // Result<std::string>, no throw
//     auto row = co_await fetch(cache, 7).or_end();                // an error ends this coroutine with that error, no throw
//
// A result is a value, an error, or *cancelled*: somebody lost interest. Dropping a Deferred cancels it: what waits below it
// is destroyed, innermost first, and the operation at the bottom is told. Only as_result() and finally() see that.
// A callback runs as soon as it is able: at once, when plain code resolves; when the running one has suspended or returned, if
// a callback or a coroutine does. An error that nobody takes is logged with the place that made the Deferred.
// In gcc 12, keep lambdas that capture and option structs with strings out of `co_await` expressions. Do not use a Deferred
// that was moved from. Confined to one thread. "Theory of operation": deferred.cpp.
#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include "bine/async/frame.h"
#include "bine/async/result_stage.h"
#include "bine/base/result.h"

namespace bine {

template <class T>
class Promise;
template <class T>
class Future;
class Scheduler;

// What or_end() gives: to be awaited at once.
template <class T>
struct OrEnd {
    Deferred<T> deferred;
};

template <class T>
class [[nodiscard]] Deferred {
public:
    using value_type = T;
    using promise_type = FramePromise<T>;

    // Empty: only to be assigned to.
    Deferred() = default;
    Deferred(Deferred&& other) noexcept : stage_(other.release()) {}
    Deferred& operator=(Deferred&& other) noexcept {
        Deferred old(std::move(*this));
        stage_ = other.release();
        return *this;
    }
    // Cancels what is pending. Done when it returns, unless something of the chain is on the stack.
    ~Deferred() {
        if (stage_) release()->drop();
    }

    explicit operator bool() const noexcept { return stage_ != nullptr; }
    // Its result is there.
    bool done() const noexcept { return stage_ && stage_->settled(); }

    // `f(value)`, or `f()` for Deferred<>, gives the next value; it may return a Deferred (never the one that
    // waits for it), and may throw. Errors pass it by.
    template <class F>
    auto then(F f, Place place = Place::current()) &&;
    // `f(Error)` gives the value in place of an error. It never sees `cancelled`.
    template <class F>
    Deferred<T> recover(F f, Place place = Place::current()) &&;
    // `f()` runs exactly once, when there is a result of any kind or when this is dropped. It must not throw.
    template <class F>
    Deferred<T> finally(F f, Place place = Place::current()) &&;
    // The value or the Error; Errc::cancelled if it was cancelled from within.
    Deferred<Result<T>> as_result(Place place = Place::current()) &&;
    // For `co_await d.or_end()`: an error ends the awaiting coroutine at once, with that error, and nothing is thrown.
    OrEnd<T> or_end() && { return {std::move(*this)}; }

    // Lets it run with nobody waiting. An error is logged, or given to `on_error`, which is not told of `cancelled`.
    void detach(Place place = Place::current()) &&;
    template <class F>
    void detach(F on_error, Place place = Place::current()) &&;

    // Shared by many, who hear of it in the next turn: include "bine/async/future.h".
    Future<T> to_future(Scheduler& scheduler, Place place = Place::current()) &&;

    // Ends what is pending: whoever waits for it sees `cancelled`. Done when it returns, if called from plain code; by a
    // callback or a coroutine, when that one has suspended or returned. A result that is there already stays.
    void cancel() noexcept {
        if (stage_) stage_->cancel();
    }

    // The result; only when done().
    Result<T> result() && {
        OwnedChild<T> stage(release());
        return stage->take_result();
    }

    // What waits for what below this, a line for each, with the places.
    std::string describe() const { return stage_ ? stage_->describe() : std::string(); }

    // For what is built on stages: the consumer's hold, and back.
    explicit Deferred(ResultStage<T>* stage) noexcept : stage_(stage) {}
    ResultStage<T>* stage() const noexcept { return stage_; }
    ResultStage<T>* release() noexcept { return std::exchange(stage_, nullptr); }

private:
    ResultStage<T>* stage_ = nullptr;
};

// The producing side of a Deferred. Destroying it without a result ends the Deferred cancelled.
template <class T = void>
class [[nodiscard]] Promise {
public:
    explicit Promise(Place place = Place::current())
        : stage_(make_stage<SourceStage<T>>(uint8_t{Stage::kPromise}, place)) {}
    Promise(Promise&& other) noexcept : stage_(std::exchange(other.stage_, nullptr)) {}
    Promise& operator=(Promise&& other) noexcept {
        Promise old(std::move(*this));
        stage_ = std::exchange(other.stage_, nullptr);
        return *this;
    }
    ~Promise() {
        if (stage_) stage_->abandon();
    }

    // What it will resolve. Once: a second time throws Errc::invalid_argument.
    Deferred<T> deferred() {
        pending().give_to_consumer();
        return Deferred<T>(stage_);
    }

    // Gives the result; the Promise is empty then. A second time throws Errc::resolved_twice. When the Deferred was cancelled
    // or dropped, nothing happens. From plain code, what waits for it has run when this returns.
    template <class... Value>
        requires(sizeof...(Value) == (std::is_void_v<T> ? 0 : 1))
    void resolve(Value&&... value) && {
        SourceStage<T>& stage = pending();
        if (!stage.settled()) stage.construct(std::forward<Value>(value)...);
        stage_ = nullptr;
        stage.settle();
    }
    void fail(Error error) && {
        SourceStage<T>& stage = pending();
        stage_ = nullptr;
        stage.settle_error(std::move(error));
    }
    void fail(Errc code, std::string_view text, Place place = Place::current()) && {
        std::move(*this).fail(Error(code, text, place));
    }

    // `f` is called, once, when the Deferred is cancelled or dropped; at once, if that has happened. It replaces an earlier one,
    // and is destroyed when the result is given.
    template <class F>
        requires std::is_nothrow_invocable_v<F&>
    void on_cancel(F f) {
        pending().set_canceller(make_canceller(std::move(f)));
    }
    // Nobody has given the result, and somebody may want it.
    bool wanted() const noexcept { return stage_ && !stage_->settled(); }
    explicit operator bool() const noexcept { return stage_ != nullptr; }

private:
    SourceStage<T>& pending() const {
        if (!stage_) throw_used_promise();
        return *stage_;
    }

    SourceStage<T>* stage_;
};

// A Deferred whose result is there.
inline Deferred<> ready(Place place = Place::current()) {
    auto* stage = make_stage<SourceStage<void>>(uint8_t{Stage::kConsumer}, place);
    stage->set();
    return Deferred<>(stage);
}
template <class T>
Deferred<std::decay_t<T>> ready(T&& value, Place place = Place::current()) {
    Deferred<std::decay_t<T>> deferred(make_stage<SourceStage<std::decay_t<T>>>(uint8_t{Stage::kConsumer}, place));
    deferred.stage()->set(std::forward<T>(value));
    return deferred;
}

// Converts to any Deferred: `return failed(Errc::closed, "read");`
struct Failed {
    Error error;
    Place place;

    template <class T>
    operator Deferred<T>() && {
        auto* stage = make_stage<SourceStage<T>>(uint8_t{Stage::kConsumer}, place);
        stage->set_error(std::move(error));
        return Deferred<T>(stage);
    }
};
inline Failed failed(Error error, Place place = Place::current()) { return {std::move(error), place}; }
inline Failed failed(Errc code, std::string_view text, Place place = Place::current()) {
    return {Error(code, text, place), place};
}

template <class T>
template <class F>
auto Deferred<T>::then(F f, Place place) && {
    using Next = ThenStage<T, F>;
    return Deferred<typename Next::Result>(attach<Next>(release(), place, std::move(f)));
}

template <class T>
template <class F>
Deferred<T> Deferred<T>::recover(F f, Place place) && {
    return Deferred(attach<RecoverStage<T, F>>(release(), place, std::move(f)));
}

template <class T>
template <class F>
Deferred<T> Deferred<T>::finally(F f, Place place) && {
    return Deferred(attach<FinallyStage<T, F>>(release(), place, std::move(f)));
}

template <class T>
Deferred<Result<T>> Deferred<T>::as_result(Place place) && {
    return Deferred<Result<T>>(attach<AsResultStage<T>>(release(), place));
}

template <class T>
template <class F>
void Deferred<T>::detach(F on_error, Place place) && {
    attach<DetachedStage<F>>(release(), place, std::move(on_error));
}

template <class T>
void Deferred<T>::detach(Place place) && {
    attach<UnwatchedStage>(release(), place);
}

inline Deferred<void> FramePromise<void>::get_return_object(Place place) noexcept {
    stage_->set_frame(std::coroutine_handle<FramePromise>::from_promise(*this), place);
    return Deferred<void>(stage_);
}

}  // namespace bine
