// What travels with asynchronous work without being passed: a request's id, its deadline, Python's contextvars.
//
// One word a thread. A coroutine, and a callback given to a Deferred, runs in the context that was current when it was
// made: the word swaps with the thread's when the work starts, suspends, resumes, ends and is destroyed. What a coroutine
// sets inside stays inside. Confined to one thread.
#pragma once

#include <cstdint>
#include <utility>

namespace bine {

// Derive from it. Counted: it lives while it is current somewhere, or kept by work that will run in it.
class Context {
public:
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

protected:
    Context() = default;
    virtual ~Context() = default;

private:
    friend class ContextPtr;
    uint32_t count_ = 0;
};

// A share of a Context, or null.
class ContextPtr {
public:
    constexpr ContextPtr() = default;
    explicit ContextPtr(Context* context) noexcept : context_(context) {
        if (context_) ++context_->count_;
    }
    ContextPtr(const ContextPtr& other) noexcept : ContextPtr(other.context_) {}
    ContextPtr(ContextPtr&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
    ContextPtr& operator=(ContextPtr other) noexcept {
        swap(other);
        return *this;
    }
    ~ContextPtr() {
        if (context_ && --context_->count_ == 0) delete context_;
    }

    Context* get() const noexcept { return context_; }
    void swap(ContextPtr& other) noexcept { std::swap(context_, other.context_); }
    // Changes places with the thread's word.
    void swap_with_thread() noexcept;

private:
    friend struct ChainLoop;
    Context* context_ = nullptr;
};

// The word of this thread; null when nobody set one.
Context* current_context() noexcept;

// Makes `context` current for a block of code; in a coroutine also across its awaits.
class ContextScope {
public:
    explicit ContextScope(ContextPtr context) noexcept : other_(std::move(context)) { other_.swap_with_thread(); }
    ~ContextScope() { other_.swap_with_thread(); }
    ContextScope(const ContextScope&) = delete;
    ContextScope& operator=(const ContextScope&) = delete;

private:
    ContextPtr other_;
};

}  // namespace bine
