// Work in another thread, awaited.
#pragma once

#include <optional>
#include <type_traits>

#include "bine/async/settle.h"
#include "bine/reactor/reactor.h"

namespace bine {

// Runs `work` in the reactor's thread pool (in simulation: at a later time, inline) and ends with what it returned or
// threw. `work` and what it captures are destroyed in the reactor's thread. Dropping the Deferred stops the waiting, not
// the work. What a `work` under way still touches must outlive it, also when the reactor is destroyed meanwhile:
// ~Reactor waits for it.
template <class F>
auto defer_to_thread(Reactor& reactor, F work) -> Deferred<std::invoke_result_t<F&>> {
    using R = std::invoke_result_t<F&>;

    class Task final : public ThreadTask {
    public:
        explicit Task(F f) : f_(std::move(f)) {}
        Deferred<R> deferred() { return promise_.deferred(); }

        void work() noexcept override { result_ = result_of(f_); }

        void done() override {
            Promise<R> promise = std::move(promise_);
            Result<R> result = std::move(*result_);
            delete this;
            settle(std::move(promise), std::move(result));
        }

        void abandoned() noexcept override { delete this; }

    private:
        F f_;
        std::optional<Result<R>> result_;
        Promise<R> promise_;
    };

    auto* task = new Task(std::move(work));
    Deferred<R> deferred = task->deferred();
    reactor.driver().run_in_thread(*task);
    return deferred;
}

}  // namespace bine
