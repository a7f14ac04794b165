// The part of a Deferred that knows no T: one step of a chain, its place in the tree of what waits for what, and the loop
// that runs the steps. For deferred.h and the few that build on it (task_group.h, gather.h, ...), not for users.
// How it works is told at the head of deferred.cpp. Confined to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>

#include "bine/async/context.h"
#include "bine/base/error.h"
#include "bine/base/place.h"

namespace bine {

enum class Outcome : uint8_t { pending, value, error, exception, cancelled, taken };

class Branch;

// Waits for at most one child at a time and is waited for by at most one parent. A child belongs to its parent.
// The block is freed when the last of its holds is released.
class Stage {
public:
    // Who keeps the block alive.
    enum Hold : uint8_t {
        kConsumer = 1,  // a Deferred, or the parent
        kPromise = 2,   // a Promise
        kBody = 4,      // a frame or a callback that has not ended
        kOnStack = 8,   // the body runs or is being destroyed
        kQueued = 16,   // settled, to be delivered
        kDying = 32,    // cancelled or dropped while something of its chain was on the stack
    };
    // Which outcomes of the child resume() is called for; the others pass on, and the body is destroyed.
    enum Takes : uint8_t {
        kValue = 1u << static_cast<unsigned>(Outcome::value),
        kError = 1u << static_cast<unsigned>(Outcome::error) | 1u << static_cast<unsigned>(Outcome::exception),
        kCancelled = 1u << static_cast<unsigned>(Outcome::cancelled),
    };

    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    bool settled() const noexcept { return outcome_ != Outcome::pending; }
    Outcome outcome() const noexcept { return outcome_; }
    const Place& made() const noexcept { return made_; }
    Stage* child() const noexcept { return child_; }
    bool can_take(const Stage& child) const noexcept { return takes_ >> static_cast<unsigned>(child.outcome_) & 1u; }

    void release(unsigned hold) noexcept {
        holds_ = static_cast<uint8_t>(holds_ & ~hold);
        if (holds_ == 0) free_block();
    }

    // The consumer's side. `child` is the consumer's hold on it, handed over.
    void adopt(Stage& child) noexcept;  // makes it the child; its result is delivered from the loop
    void cancel() noexcept;             // ends the chain below and this stage; the parent learns of it
    void drop() noexcept;               // the same by a consumer that goes away
    Stage& take_child() noexcept;       // settled; the caller releases kConsumer
    Error take_error();                 // of a stage that failed
    [[noreturn]] void rethrow();        // the same, thrown
    std::string describe() const;       // the tree below, a line for each stage

    // The producer's side. set_*: by a body that runs; settle, settle_error, abandon: from outside, by whoever has the hold of a
    // Promise or is the body, which is then given up.
    void set_value() noexcept { outcome_ = Outcome::value; }
    void set_cancelled() noexcept { outcome_ = Outcome::cancelled; }
    void take_failure(Stage& from) noexcept;  // fails as `from` did
    void set_error(Error error) noexcept;
    void set_exception(std::exception_ptr exception) noexcept;
    void settle() noexcept;  // its value has been constructed
    void settle_error(Error error) noexcept;
    void abandon() noexcept;  // ~Promise: ends cancelled, if nothing has happened yet

    // What an operation does when nobody waits for it any more; called once, or never. Stored while pending.
    struct Canceller {
        void (*act)(void* storage,
                    bool cancelled) noexcept;  // destroys what is in storage, having called it if cancelled
        alignas(void*) std::byte storage[2 * sizeof(void*)];
    };
    void set_canceller(Canceller canceller) noexcept;

    // A coroutine's side.
    void begin() noexcept;         // its body starts, on the stack of whoever called it
    void begin_launch() noexcept;  // the same for a body that calls a function that makes its child
    bool await(Stage& child, uint8_t takes, const Place& place) noexcept;  // true: it is there, take_child()
    void suspend() noexcept;                                               // the frame has suspended in await()
    bool body_ended() noexcept;   // always true, but the compiler cannot see that
    void frame_ended() noexcept;  // its memory is given back
    void set_bare() noexcept { bare_ = true; }
    bool bare() const noexcept { return bare_; }

    // The stage whose body is on top of this thread's stack; null in plain code.
    static Stage* running() noexcept;
    // The stage whose frame has been allocated and whose promise is not there yet, if `promise` is in that frame.
    void announce() noexcept;
    static Stage* claim(const void* promise) noexcept;
    bool unannounce() noexcept;

protected:
    Stage(uint8_t holds, uint8_t takes, std::size_t bytes, const Place& made) noexcept;
    virtual ~Stage();

    // The child has settled with an outcome that this stage takes. Runs on the loop, in the stage's context. It has to take
    // the child, and to settle by a set_*, or to adopt another child.
    virtual void resume() noexcept = 0;
    // Destroys the body: the frame, the callback, the operation. Its children are gone already.
    virtual void unwind() noexcept = 0;
    virtual void destroy_value() noexcept {}
    void mark_value_taken() noexcept { value_taken_ = true; }
    bool value_taken() const noexcept { return value_taken_; }

    void keep_context() noexcept;
    void cancel_operation() noexcept;  // ends a source cancelled, and calls its canceller
    void set_made(const Place& made) noexcept { made_ = made; }
    void set_takes(uint8_t takes) noexcept { takes_ = takes; }
    void add_hold(unsigned hold) noexcept { holds_ = static_cast<uint8_t>(holds_ | hold); }
    uint8_t holds() const noexcept { return holds_; }

private:
    friend class Branch;
    friend struct ChainLoop;

    void free_block() noexcept;
    void clear_result() noexcept;
    void end() noexcept;
    void pass_on() noexcept;
    void tell_parent() noexcept;
    void settle_with_canceller(Error* error) noexcept;
    Canceller take_canceller() noexcept;
    void leave_start() noexcept;
    bool doom_running() noexcept;
    void describe_to(std::string& out, unsigned depth) const;

    union Slot {
        Slot() {}
        ~Slot() {}
        Error error;
        std::exception_ptr exception;
        Canceller canceller;
    };

    Stage* parent_ = nullptr;
    Stage* child_ = nullptr;
    Stage* next_ = nullptr;       // in the queue, or in the list of the dying
    Stage* outer_ = nullptr;      // while starting: what ran before
    Branch* branches_ = nullptr;  // chains that use what this one's body owns
    ContextPtr context_;
    Place made_;
    Place waits_;
    Slot slot_;
    uint32_t bytes_;
    uint16_t thread_;
    Outcome outcome_ = Outcome::pending;
    uint8_t holds_;
    uint8_t takes_;
    bool has_canceller_ : 1 = false;
    bool doomed_ : 1 = false;     // on the stack, in a chain that has been ended: goes at its next await
    bool starting_ : 1 = false;   // on the stack of whoever called the coroutine
    bool launching_ : 1 = false;  // and its child may be starting on top of it
    bool outermost_ : 1 = false;  // and that was plain code
    bool value_taken_ : 1 = false;
    bool bare_ : 1 = false;  // made without a frame behind it
};

// While it lives, what is settled and cancelled only queues; then, in plain code, it runs. For whoever goes through a list of
// stages, whose callbacks might change the list.
class ChainBatch {
public:
    ChainBatch() noexcept;
    ~ChainBatch();
    ChainBatch(const ChainBatch&) = delete;
    ChainBatch& operator=(const ChainBatch&) = delete;

private:
    bool outermost_;
};

// A stage that hangs off another one beside its child: a task of a group, an arm of a gather or a race. Whoever ends the owner
// finds it, and so does the tree. The owner may end first; the branch is then on its own.
class Branch : public Stage {
public:
    Stage* owner() const noexcept { return owner_; }

protected:
    Branch(uint8_t holds, uint8_t takes, std::size_t bytes, const Place& made, Stage* owner) noexcept;
    ~Branch() override;

private:
    friend class Stage;
    void leave_owner() noexcept;

    Stage* owner_ = nullptr;
    Branch* next_branch_ = nullptr;
    Branch* previous_branch_ = nullptr;
};

}  // namespace bine
