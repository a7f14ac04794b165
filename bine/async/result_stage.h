// Stages that know the type of their result: what the functions of a Deferred and a Promise make. Not for users.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "bine/async/stage.h"
#include "bine/base/pool.h"
#include "bine/base/result.h"

namespace bine {

template <class T = void>
class Deferred;

template <class S, class... Args>
S* make_stage(Args&&... args) {
    static_assert(alignof(S) <= alignof(std::max_align_t));
    struct Block {
        void* bytes = pool_allocate(sizeof(S));
        ~Block() {
            if (bytes) pool_free(bytes, sizeof(S));
        }
    } block;
    S* stage = ::new (block.bytes) S(sizeof(S), std::forward<Args>(args)...);
    block.bytes = nullptr;
    return stage;
}

// Puts a new stage above `child`, whose consumer's hold is handed over.
template <class S, class... Args>
S* attach(Stage* child, Args&&... args) {
    struct Guard {
        Stage* child;
        ~Guard() {
            if (child) child->drop();
        }
    } guard{child};
    S* stage = make_stage<S>(std::forward<Args>(args)...);
    guard.child = nullptr;
    stage->adopt(*child);
    return stage;
}

template <class T>
class ResultStage : public Stage {
public:
    struct Nothing {};
    using Value = std::conditional_t<std::is_void_v<T>, Nothing, T>;

    template <class... Args>
    void set(Args&&... args) {
        construct(std::forward<Args>(args)...);
        set_value();
    }
    template <class... Args>
    void construct(Args&&... args) {
        ::new (static_cast<void*>(&value_)) Value(std::forward<Args>(args)...);
    }

    Value& value() noexcept { return value_; }
    // The value, in the hands of whoever asked for it.
    Value&& take_value() noexcept {
        mark_value_taken();
        return std::move(value_);
    }

    // Of a settled stage, that did not end cancelled.
    T take_or_throw() {
        if (outcome() != Outcome::value) rethrow();
        if constexpr (!std::is_void_v<T>) return take_value();
    }

    Result<T> take_result() {
        if (outcome() != Outcome::value) return std::unexpected<Error>(take_error());
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            return take_value();
        }
    }

    // Settles as `from`, which is settled, did.
    void take_over(ResultStage& from) {
        switch (from.outcome()) {
            case Outcome::value: set(from.take_value()); break;
            case Outcome::cancelled: set_cancelled(); break;
            default: take_failure(from);
        }
    }

protected:
    ResultStage(uint8_t holds, uint8_t takes, std::size_t bytes, const Place& made) noexcept
        : Stage(holds, takes, bytes, made) {}
    ~ResultStage() override {
        if (outcome() == Outcome::value) value_.~Value();
    }
    // Of a result that nobody will take.
    void destroy_value() noexcept override { value_.~Value(); }

private:
    union {
        Value value_;
    };
};

// A settled stage in the hands of whoever takes its result.
template <class T>
class OwnedChild {
public:
    explicit OwnedChild(Stage* stage) noexcept : stage_(static_cast<ResultStage<T>*>(stage)) {}
    ~OwnedChild() { stage_->release(Stage::kConsumer); }
    OwnedChild(const OwnedChild&) = delete;
    OwnedChild& operator=(const OwnedChild&) = delete;
    ResultStage<T>* operator->() const noexcept { return stage_; }
    ResultStage<T>& operator*() const noexcept { return *stage_; }

private:
    ResultStage<T>* stage_;
};

[[noreturn]] void throw_given_twice();

// What a Promise resolves, or what was there from the start.
template <class T>
class SourceStage final : public ResultStage<T> {
public:
    SourceStage(std::size_t bytes, uint8_t holds, const Place& made) noexcept : ResultStage<T>(holds, 0, bytes, made) {}

    void give_to_consumer() {
        if (std::exchange(given_, true)) throw_given_twice();
        this->add_hold(Stage::kConsumer);
    }

private:
    void resume() noexcept override {}
    void unwind() noexcept override { this->cancel_operation(); }

    bool given_ = false;
};

[[noreturn]] void throw_used_promise();

// Stores `f`, inside when it is small and simple.
template <class F>
Stage::Canceller make_canceller(F&& f) {
    using Stored = std::decay_t<F>;
    Stage::Canceller canceller;
    if constexpr (sizeof(Stored) <= sizeof canceller.storage && alignof(Stored) <= alignof(void*) &&
                  std::is_trivially_copyable_v<Stored>) {
        ::new (static_cast<void*>(canceller.storage)) Stored(std::forward<F>(f));
        canceller.act = [](void* storage, bool cancelled) noexcept {
            if (cancelled) (*std::launder(static_cast<Stored*>(storage)))();
        };
    } else {
        ::new (static_cast<void*>(canceller.storage)) Stored*(new Stored(std::forward<F>(f)));
        canceller.act = [](void* storage, bool cancelled) noexcept {
            const std::unique_ptr<Stored> stored(*std::launder(static_cast<Stored**>(storage)));
            if (cancelled) (*stored)();
        };
    }
    return canceller;
}

// A callback that is destroyed once it has been called, or when its stage ends without.
template <class F>
class Callback {
public:
    explicit Callback(F&& f) noexcept(std::is_nothrow_move_constructible_v<F>) : f_(std::move(f)) {}
    ~Callback() { destroy(); }
    Callback(const Callback&) = delete;
    Callback& operator=(const Callback&) = delete;

    explicit operator bool() const noexcept { return there_; }
    void destroy() noexcept {
        if (std::exchange(there_, false)) f_.~F();
    }
    // Calls it and destroys it, also when it throws.
    template <class... Args>
    decltype(auto) call_once(Args&&... args) {
        struct Guard {
            Callback& callback;
            ~Guard() { callback.destroy(); }
        } guard{*this};
        return f_(std::forward<Args>(args)...);
    }

private:
    union {
        F f_;
    };
    bool there_ = true;
};

template <class R>
struct FlattenedType {
    using Type = R;
    static constexpr bool kIsDeferred = false;
};
template <class T>
struct FlattenedType<Deferred<T>> {
    using Type = T;
    static constexpr bool kIsDeferred = true;
};

template <class T, class F>
struct CallbackType {
    using Returned = std::remove_cv_t<std::invoke_result_t<F&, T>>;
};
template <class F>
struct CallbackType<void, F> {
    using Returned = std::remove_cv_t<std::invoke_result_t<F&>>;
};

// A stage whose result comes out of a callback, at once or by way of another Deferred.
template <class U, class F>
class CallbackStage : public ResultStage<U> {
protected:
    CallbackStage(std::size_t bytes, uint8_t takes, const Place& made, F&& f)
        : ResultStage<U>(Stage::kConsumer | Stage::kBody, takes, bytes, made), callback_(std::move(f)) {
        this->keep_context();
    }

    // True while the callback has not been called; false when the Deferred that it returned is what has come.
    bool is_first() const noexcept { return static_cast<bool>(callback_); }

    template <class... Args>
    void settle_by_call(Args&&... args) noexcept {
        using Returned = std::remove_cv_t<std::invoke_result_t<F&, Args...>>;
        try {
            if constexpr (FlattenedType<Returned>::kIsDeferred) {
                Returned inner = callback_.call_once(std::forward<Args>(args)...);
                this->set_takes(Stage::kValue);
                this->adopt(*inner.release());
            } else if constexpr (std::is_void_v<U>) {
                callback_.call_once(std::forward<Args>(args)...);
                this->set();
            } else {
                this->set(callback_.call_once(std::forward<Args>(args)...));
            }
        } catch (...) {
            this->set_exception(std::current_exception());
        }
    }
    void settle_by_child() noexcept { settle_as(*OwnedChild<U>(&this->take_child())); }
    void settle_as(ResultStage<U>& child) noexcept {
        try {
            this->take_over(child);
        } catch (...) {
            this->set_exception(std::current_exception());
        }
    }

    void unwind() noexcept override { callback_.destroy(); }

    Callback<F> callback_;
};

template <class T, class F>
class ThenStage final : public CallbackStage<typename FlattenedType<typename CallbackType<T, F>::Returned>::Type, F> {
public:
    using Result = typename FlattenedType<typename CallbackType<T, F>::Returned>::Type;

    ThenStage(std::size_t bytes, const Place& made, F&& f)
        : CallbackStage<Result, F>(bytes, Stage::kValue, made, std::move(f)) {}

private:
    void resume() noexcept override {
        if (!this->is_first()) return this->settle_by_child();
        const OwnedChild<T> child(&this->take_child());
        if constexpr (std::is_void_v<T>) {
            this->settle_by_call();
        } else {
            this->settle_by_call(child->take_value());
        }
    }
};

template <class T, class F>
class RecoverStage final : public CallbackStage<T, F> {
public:
    RecoverStage(std::size_t bytes, const Place& made, F&& f)
        : CallbackStage<T, F>(bytes, Stage::kValue | Stage::kError, made, std::move(f)) {}

private:
    void resume() noexcept override {
        if (!this->is_first()) return this->settle_by_child();
        const OwnedChild<T> child(&this->take_child());
        if (child->outcome() == Outcome::value) {
            this->callback_.destroy();
            this->settle_as(*child);
        } else {
            this->settle_by_call(child->take_error());
        }
    }
};

template <class T, class F>
class FinallyStage final : public CallbackStage<T, F> {
public:
    FinallyStage(std::size_t bytes, const Place& made, F&& f)
        : CallbackStage<T, F>(bytes, Stage::kValue | Stage::kError, made, std::move(f)) {}

private:
    void resume() noexcept override {
        const OwnedChild<T> child(&this->take_child());
        this->callback_.call_once();
        this->settle_as(*child);
    }
    void unwind() noexcept override { this->callback_.call_once(); }
};

template <class T>
class AsResultStage final : public ResultStage<Result<T>> {
public:
    AsResultStage(std::size_t bytes, const Place& made) noexcept
        : ResultStage<Result<T>>(Stage::kConsumer | Stage::kBody, Stage::kValue | Stage::kError | Stage::kCancelled,
                                 bytes, made) {}

private:
    void resume() noexcept override {
        const OwnedChild<T> child(&this->take_child());
        try {
            this->set(child->take_result());
        } catch (...) {
            this->set_exception(std::current_exception());
        }
    }
    void unwind() noexcept override {}
};

// Holds itself until its child has ended.
template <class F>
class DetachedStage final : public Stage {
public:
    DetachedStage(std::size_t bytes, const Place& made, F&& on_error)
        : Stage(kBody, kValue | kError, bytes, made), on_error_(std::move(on_error)) {
        keep_context();
    }

private:
    void resume() noexcept override {
        Stage& child = take_child();
        set_value();
        if (child.outcome() != Outcome::value) {
            try {
                on_error_(child.take_error());
            } catch (...) {
                set_exception(std::current_exception());
            }
        }
        child.release(kConsumer);
    }
    void unwind() noexcept override {}

    F on_error_;
};

// The same without a word about errors: the child logs its own.
class UnwatchedStage final : public Stage {
public:
    UnwatchedStage(std::size_t bytes, const Place& made) noexcept : Stage(kBody, kValue | kError, bytes, made) {}

private:
    void resume() noexcept override {
        take_child().release(kConsumer);
        set_value();
    }
    void unwind() noexcept override {}
};

}  // namespace bine
