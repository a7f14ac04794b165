// What makes a function that returns a Deferred a coroutine. Not for users.
#pragma once

#include <coroutine>
#include <expected>
#include <utility>

#include "bine/async/result_stage.h"

namespace bine {

template <class T>
struct OrEnd;

// The block of a coroutine: this, and behind it the frame. It outlives the frame.
template <class T>
class FrameStage final : public ResultStage<T> {
public:
    explicit FrameStage(std::size_t bytes) noexcept
        : ResultStage<T>(Stage::kConsumer | Stage::kBody, 0, bytes, Place()) {
        this->keep_context();
    }

    void set_frame(std::coroutine_handle<> frame, const Place& place) noexcept {
        frame_ = frame;
        this->set_made(place);
    }

private:
    void resume() noexcept override { frame_.resume(); }
    void unwind() noexcept override { frame_.destroy(); }

    std::coroutine_handle<> frame_;
};

// `co_await` of a Deferred. The child belongs to the awaiting stage, so there is nothing to destroy here.
template <class T>
struct Awaiter {
    Stage* frame;
    bool ready;

    bool await_ready() const noexcept { return ready; }
    // Touches nothing afterwards: the loop may have ended the frame when suspend() returns.
    void await_suspend(std::coroutine_handle<>) const noexcept { frame->suspend(); }
    T await_resume() const { return OwnedChild<T>(&frame->take_child())->take_or_throw(); }
};

template <class T>
class FramePromiseCore {
public:
    FramePromiseCore() : stage_(static_cast<FrameStage<T>*>(Stage::claim(this))) {
        // A compiler that sees that a coroutine never suspends may put its frame on the stack, without asking operator new.
        if (!stage_) {
            stage_ = make_stage<FrameStage<T>>();
            stage_->set_bare();
        }
    }
    ~FramePromiseCore() {
        if (stage_->bare()) stage_->frame_ended();
    }
    FramePromiseCore(const FramePromiseCore&) = delete;
    FramePromiseCore& operator=(const FramePromiseCore&) = delete;

    static void* operator new(std::size_t frame_bytes) {
        void* block = pool_allocate(kHeader + frame_bytes);
        (::new (block) FrameStage<T>(kHeader + frame_bytes))->announce();
        return static_cast<char*>(block) + kHeader;
    }
    static void operator delete(void* frame, std::size_t) noexcept {
        auto* stage = reinterpret_cast<FrameStage<T>*>(static_cast<char*>(frame) - kHeader);
        if (!stage->unannounce()) stage->frame_ended();
    }

    std::suspend_never initial_suspend() noexcept {
        stage_->begin();
        return {};
    }

    // Never suspends; but the compiler must not know, see above.
    struct FinalAwaiter {
        bool ready;
        bool await_ready() const noexcept { return ready; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        void await_resume() const noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {stage_->body_ended()}; }

    void unhandled_exception() noexcept { stage_->set_exception(std::current_exception()); }

    template <class U>
    Awaiter<U> await_transform(Deferred<U>&& deferred, Place place = Place::current()) noexcept {
        return {stage_, stage_->await(*deferred.release(), Stage::kValue | Stage::kError, place)};
    }
    template <class U>
    Awaiter<U> await_transform(OrEnd<U>&& wrapped, Place place = Place::current()) noexcept {
        return {stage_, stage_->await(*wrapped.deferred.release(), Stage::kValue, place)};
    }

    // A Future, and whatever else gives a Deferred of one's own.
    template <class U>
    auto await_transform(const U& shared, Place place = Place::current()) {
        return await_transform(shared.to_deferred(place), place);
    }

protected:
    static constexpr std::size_t kHeader =
        (sizeof(FrameStage<T>) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);

    FrameStage<T>* stage_;
};

// The promise_type of Deferred<T>.
template <class T>
class FramePromise final : public FramePromiseCore<T> {
public:
    Deferred<T> get_return_object(Place place = Place::current()) noexcept {
        this->stage_->set_frame(std::coroutine_handle<FramePromise>::from_promise(*this), place);
        return Deferred<T>(this->stage_);
    }
    template <class U = T>
        requires std::is_constructible_v<T, U&&>
    void return_value(U&& value) {
        this->stage_->set(std::forward<U>(value));
    }
    // `co_return fail(...)`: an error without a throw.
    void return_value(std::unexpected<Error> error) noexcept
        requires(!std::is_constructible_v<T, std::unexpected<Error>>)
    {
        this->stage_->set_error(std::move(error).error());
    }
};

template <>
class FramePromise<void> final : public FramePromiseCore<void> {
public:
    Deferred<void> get_return_object(Place place = Place::current()) noexcept;
    void return_void() { this->stage_->set(); }
};

}  // namespace bine
