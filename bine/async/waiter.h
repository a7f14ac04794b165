// A stage in somebody's list, until that one settles it: what Event, Lock, Semaphore, Queue and Future hand out. Not for users.
#pragma once

#include <utility>

#include "bine/async/deferred.h"
#include "bine/base/intrusive_list.h"

namespace bine {

// Leaves the list when it is cancelled or dropped.
template <class T>
class Waiter : public ResultStage<T>, public ListHook<Waiter<T>> {
public:
    Waiter(std::size_t bytes, const Place& made) noexcept
        : ResultStage<T>(Stage::kConsumer | Stage::kBody, 0, bytes, made) {}

    template <class... Value>
    void resolve(Value&&... value) {
        this->unlink();
        this->construct(std::forward<Value>(value)...);
        this->settle();
    }

private:
    void resume() noexcept final {}
    void unwind() noexcept override { this->unlink(); }
};

template <class T>
class WaiterList {
public:
    WaiterList() = default;
    ~WaiterList() { abandon_all(); }
    WaiterList(const WaiterList&) = delete;
    WaiterList& operator=(const WaiterList&) = delete;

    bool empty() const noexcept { return waiters_.empty(); }
    Deferred<T> wait(const Place& place) {
        auto* waiter = make_stage<Waiter<T>>(place);
        waiters_.push_back(*waiter);
        return Deferred<T>(waiter);
    }
    Waiter<T>* pop_front() noexcept { return waiters_.pop_front(); }
    void splice_back(WaiterList& other) noexcept { waiters_.splice_back(other.waiters_); }

    // Ends all that wait now cancelled.
    void abandon_all() noexcept {
        const ChainBatch batch;
        while (Waiter<T>* waiter = waiters_.pop_front()) waiter->abandon();
    }
    // Ends all that wait now with `error`.
    void fail_all(const Error& error) noexcept {
        const ChainBatch batch;
        while (Waiter<T>* waiter = waiters_.pop_front()) waiter->settle_error(error);
    }

private:
    IntrusiveList<Waiter<T>, Waiter<T>> waiters_;
};

}  // namespace bine
