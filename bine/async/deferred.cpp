// Theory of operation
//
// A chain. Every step is a Stage: what a Promise resolves (SourceStage), a callback (ThenStage, ...), a coroutine (FrameStage: the
// frame lies behind it in the same block), a waiter of a queue. A stage waits for at most one *child* and is waited for by at most
// one *parent*; two pointers. The child belongs to its parent, the top of a chain to a Deferred. A block lives while somebody holds
// it: bits of holds_, one for each of those who can (the consumer, the Promise, the body, the stack, the two lists below). The frame
// goes when its body ends; the stage stays until its result has been taken. What waits for several at once (gather, a task group)
// has *branches* beside its child, which know their owner.
//
// The loop. A result that has a parent is *queued*; ChainLoop::deliver gives it to the parent, which runs: a frame is resumed, a
// callback called, or, when the outcome is none of those it takes (`then` takes values, frames take values and errors, nobody but
// as_result and the scopes takes `cancelled`), its body is destroyed and the outcome passes on. A parent that settles is delivered to
// its own parent next, before the queue. So chains are walked by a `for`, never by recursion. One loop runs in a thread, in the
// outermost call that set something off: resolve, drop, cancel, or the start of a coroutine (then inside of its first suspension:
// Stage::suspend touches nothing of the frame afterwards). `active` says that it is there; calls made meanwhile only queue.
// A coroutine that is called runs at once, on its caller's stack; what it resolves waits until the loop is reached again.
//
// On the stack. kOnStack marks the stages whose body runs or is being destroyed; `running` is the topmost. Such a stage has no child:
// it is always at the bottom of its chain, or of a branch.
//
// Cancelling. drop() and cancel() end a chain by end_chain: walk down the children, then end stage after stage on the way up: destroy
// the body, set `cancelled`, detach. Branches are dropped by the stage that owns them. When something in the chain or in its branches
// is on the stack (doom_running looks, and marks it), destroying from here would pull the ground from under it: the top is
// *condemned* instead, put in the list of the dying, which the loop empties before it delivers anything, when nothing is on the stack.
// What has been marked goes on until its next await, which does not return. cancel() condemns always, and runs the loop if there is
// none; drop() has to be done when it returns, because what its caller owns may go next, so it condemns only then. A root that settled
// before its turn keeps its result.
//
// Starting a frame. operator new makes block and stage and *announces* it; the promise, when it is constructed inside of that
// block, claims it. (Computing the stage's address from the promise's breaks when a compiler keeps the frame elsewhere.)
// operator delete finds the stage in front of the frame: the body has ended.
#include "bine/async/deferred.h"

#include <atomic>
#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "bine/base/log.h"

namespace bine {

namespace {

// "serve" out of "bine::Deferred<void> app::serve(int)", and out of what gcc calls the inside of that coroutine.
std::string_view short_name(const Place& place) noexcept {
    std::string_view name = place.function_name();
    std::size_t end = name.find('(');
    while (end != name.npos && name.substr(end).starts_with("(anonymous")) end = name.find('(', end + 1);
    name = name.substr(0, end);
    return name.substr(name.find_last_of(" :") + 1);
}

uint16_t number_this_thread() noexcept {
    static std::atomic<uint16_t> last{0};
    return static_cast<uint16_t>(last.fetch_add(1, std::memory_order_relaxed) + 1);
}

}  // namespace

// What a thread has under way.
struct ChainLoop {
    // A singly linked list by Stage::next_.
    struct List {
        Stage* first = nullptr;
        Stage* last = nullptr;

        void push_back(Stage& stage) noexcept {
            stage.next_ = nullptr;
            (last ? last->next_ : first) = &stage;
            last = &stage;
        }
        void push_front(Stage& stage) noexcept {
            stage.next_ = first;
            first = &stage;
            if (!last) last = &stage;
        }
        Stage* pop() noexcept {
            Stage* stage = first;
            if (stage) first = stage->next_;
            if (!first) last = nullptr;
            return stage;
        }
    };

    List settled;                // each to be delivered to its parent
    List dying;                  // each to be ended with all below it, before anything else is delivered
    Stage* running = nullptr;    // the body on top of the stack
    Stage* announced = nullptr;  // frames without a promise yet, innermost first
    Context* context = nullptr;  // a counted share, held by hand so that the thread's loop needs no destructor
    bool active = false;         // somebody down the stack will run(), or does
    uint16_t thread = 0;

    void enqueue(Stage& stage) noexcept {
        if (mark(stage, Stage::kQueued)) settled.push_back(stage);
    }
    void enqueue_first(Stage& stage) noexcept {
        if (mark(stage, Stage::kQueued)) settled.push_front(stage);
    }
    void condemn(Stage& root) noexcept {
        if (mark(root, Stage::kDying)) dying.push_back(root);
    }

    void run() noexcept;
    void run_if_plain() noexcept;
    void deliver(Stage& child) noexcept;
    void bury(Stage& root) noexcept;

    static void end_chain(Stage& root) noexcept;
    void enter(Stage& stage) noexcept;
    void leave(Stage& stage, Stage* outer) noexcept;

    // False if it is in one of the lists already: what is dying is delivered when it has been buried.
    static bool mark(Stage& stage, unsigned hold) noexcept {
        if (stage.holds_ & (Stage::kQueued | Stage::kDying)) return false;
        stage.add_hold(hold);
        return true;
    }
};

namespace {

constinit thread_local ChainLoop loop;

[[maybe_unused]] uint16_t this_thread() noexcept {
    if (loop.thread == 0) loop.thread = number_this_thread();
    return loop.thread;
}

// Only builds with assertions look at it.
uint16_t number_for_checks() noexcept {
#ifdef NDEBUG
    return 0;
#else
    return this_thread();
#endif
}

}  // namespace

Context* current_context() noexcept { return loop.context; }
void ContextPtr::swap_with_thread() noexcept { std::swap(context_, loop.context); }

// Only with nothing on the stack.
void ChainLoop::run() noexcept {
    for (;;) {
        if (Stage* root = dying.pop()) {
            bury(*root);
        } else if (Stage* child = settled.pop()) {
            deliver(*child);
        } else {
            return;
        }
    }
}

void ChainLoop::run_if_plain() noexcept {
    if (active) return;
    active = true;
    run();
    active = false;
}

void ChainLoop::enter(Stage& stage) noexcept {
    running = &stage;
    std::swap(stage.context_.context_, context);
}

void ChainLoop::leave(Stage& stage, Stage* outer) noexcept {
    std::swap(stage.context_.context_, context);
    running = outer;
}

// Whoever has been delivered to hands over to its own parent next, before the queue.
void ChainLoop::deliver(Stage& first) noexcept {
    for (Stage* child = &first; child;) {
        Stage* parent = child->parent_;
        child->release(Stage::kQueued);
        if (!parent) return;
        parent->add_hold(Stage::kOnStack);
        enter(*parent);
        if (parent->can_take(*parent->child_)) {
            parent->resume();
        } else {
            parent->pass_on();
        }
        leave(*parent, nullptr);
        child = nullptr;
        if (parent->settled()) {
            parent->holds_ &= static_cast<uint8_t>(~Stage::kBody);
            if (parent->parent_) child = parent;
        } else if (parent->child_ && parent->child_->settled()) {
            child = parent->child_;
        }
        if (child && !mark(*child, Stage::kQueued)) child = nullptr;
        if (child && dying.first) {
            settled.push_front(*child);
            child = nullptr;
        }
        parent->release(Stage::kOnStack);
    }
}

void ChainLoop::bury(Stage& root) noexcept {
    if (!root.settled()) end_chain(root);
    root.add_hold(Stage::kOnStack);
    root.release(Stage::kDying);
    if (root.parent_) enqueue_first(root);
    root.release(Stage::kOnStack);
}

// Walks down, then ends outward: flat, whatever the depth. Somebody holds the root.
void ChainLoop::end_chain(Stage& root) noexcept {
    Stage* at = &root;
    while (at->child_) at = at->child_;
    for (;;) {
        at->end();
        if (at == &root) return;
        Stage* parent = at->parent_;
        parent->take_child().release(Stage::kConsumer);
        at = parent;
    }
}

Stage::Stage(uint8_t holds, uint8_t takes, std::size_t bytes, const Place& made) noexcept
    : made_(made), bytes_(static_cast<uint32_t>(bytes)), thread_(number_for_checks()), holds_(holds), takes_(takes) {}

Stage::~Stage() {
    while (branches_) branches_->leave_owner();
}

Stage* Stage::running() noexcept { return loop.running; }

void Stage::keep_context() noexcept {
    if (loop.context) context_ = ContextPtr(loop.context);
}

void Stage::free_block() noexcept {
    if (has_canceller_) {
        Canceller unused = take_canceller();
        unused.act(unused.storage, false);
    }
    if (outcome_ == Outcome::error || outcome_ == Outcome::exception) clear_result();
    const std::size_t bytes = bytes_;
    void* block = this;
    this->~Stage();
    pool_free(block, bytes);
}

// The consumer's side.

void Stage::adopt(Stage& child) noexcept {
    assert(child.thread_ == this_thread());
    child_ = &child;
    child.parent_ = this;
    if (!child.settled() || (holds_ & kOnStack)) return;
    loop.enqueue(child);
    loop.run_if_plain();
}

void Stage::cancel() noexcept {
    assert(thread_ == this_thread());
    if (settled()) return;
    doom_running();
    loop.condemn(*this);
    loop.run_if_plain();
}

void Stage::drop() noexcept {
    assert(thread_ == this_thread());
    if (settled()) return release(kConsumer);
    if (doom_running()) {
        loop.condemn(*this);
        return release(kConsumer);
    }
    const bool plain = !loop.active;
    loop.active = true;
    ChainLoop::end_chain(*this);
    release(kConsumer);
    if (!plain) return;
    loop.run();
    loop.active = false;
}

Stage& Stage::take_child() noexcept {
    Stage& child = *child_;
    child_ = nullptr;
    child.parent_ = nullptr;
    return child;
}

Error Stage::take_error() {
    const Outcome was = std::exchange(outcome_, Outcome::taken);
    if (was == Outcome::error) {
        Error error = std::move(slot_.error);
        slot_.error.~Error();
        return error;
    }
    if (was == Outcome::exception) {
        const std::exception_ptr exception = std::move(slot_.exception);
        slot_.exception.~exception_ptr();
        return Error::from_exception(exception, made_);
    }
    return {Errc::cancelled, "cancelled", made_};
}

void Stage::rethrow() {
    if (outcome_ != Outcome::exception) take_error().rethrow();
    outcome_ = Outcome::taken;
    const std::exception_ptr exception = std::move(slot_.exception);
    slot_.exception.~exception_ptr();
    std::rethrow_exception(exception);
}

// The producer's side.

void Stage::set_error(Error error) noexcept {
    clear_result();
    ::new (&slot_.error) Error(std::move(error));
    outcome_ = Outcome::error;
}

void Stage::set_exception(std::exception_ptr exception) noexcept {
    clear_result();
    ::new (&slot_.exception) std::exception_ptr(std::move(exception));
    outcome_ = Outcome::exception;
}

void Stage::take_failure(Stage& from) noexcept {
    if (from.outcome_ == Outcome::error) {
        set_error(std::move(from.slot_.error));
        from.slot_.error.~Error();
    } else {
        set_exception(std::move(from.slot_.exception));
        from.slot_.exception.~exception_ptr();
    }
    from.outcome_ = Outcome::taken;
}

void Stage::settle() noexcept {
    if (settled()) return release(kPromise);
    if (has_canceller_) return settle_with_canceller(nullptr);
    set_value();
    tell_parent();
}

void Stage::settle_error(Error error) noexcept {
    if (settled()) return release(kPromise);
    if (has_canceller_) return settle_with_canceller(&error);
    set_error(std::move(error));
    tell_parent();
}

// The canceller lies where the error will; it goes when the result is there, for its destructor may do anything.
void Stage::settle_with_canceller(Error* error) noexcept {
    Canceller unused = take_canceller();
    if (error) {
        set_error(std::move(*error));
    } else {
        set_value();
    }
    unused.act(unused.storage, false);
    tell_parent();
}

void Stage::abandon() noexcept {
    if (settled()) return release(kPromise);
    Canceller unused = take_canceller();
    set_cancelled();
    if (unused.act) unused.act(unused.storage, false);
    tell_parent();
}

void Stage::tell_parent() noexcept {
    assert(thread_ == this_thread());
    if (!parent_ || !ChainLoop::mark(*this, kQueued)) return release(kPromise | kBody);
    holds_ &= static_cast<uint8_t>(~(kPromise | kBody));
    if (loop.active) return loop.settled.push_back(*this);
    loop.active = true;
    loop.deliver(*this);
    if (loop.dying.first || loop.settled.first) loop.run();
    loop.active = false;
}

ChainBatch::ChainBatch() noexcept : outermost_(!loop.active) { loop.active = true; }

ChainBatch::~ChainBatch() {
    if (!outermost_) return;
    loop.run();
    loop.active = false;
}

Stage::Canceller Stage::take_canceller() noexcept {
    Canceller canceller;
    canceller.act = nullptr;
    if (has_canceller_) canceller = slot_.canceller;
    has_canceller_ = false;
    return canceller;
}

void Stage::set_canceller(Canceller canceller) noexcept {
    if (settled()) return canceller.act(canceller.storage, true);
    Canceller old = take_canceller();
    ::new (&slot_.canceller) Canceller(canceller);
    has_canceller_ = true;
    if (old.act) old.act(old.storage, false);
}

void Stage::cancel_operation() noexcept {
    Canceller canceller = take_canceller();
    set_cancelled();
    if (canceller.act) canceller.act(canceller.storage, true);
}

void throw_used_promise() {
    throw Error(Errc::resolved_twice, "a Promise was used after it had given its result, or had been moved from");
}

void throw_given_twice() {
    throw Error(Errc::invalid_argument, "a Promise has one Deferred, and it was asked for twice");
}

// A coroutine's side.

void Stage::announce() noexcept { next_ = std::exchange(loop.announced, this); }

Stage* Stage::claim(const void* promise) noexcept {
    Stage* stage = loop.announced;
    if (!stage) return nullptr;
    const auto from = reinterpret_cast<std::uintptr_t>(stage);
    const auto at = reinterpret_cast<std::uintptr_t>(promise);
    if (at < from || at >= from + stage->bytes_) return nullptr;
    loop.announced = stage->next_;
    return stage;
}

// True when the frame's promise has never been made: a parameter's copy threw.
bool Stage::unannounce() noexcept {
    if (loop.announced != this) return false;
    loop.announced = next_;
    holds_ = 0;
    free_block();
    return true;
}

void Stage::begin() noexcept {
    add_hold(kOnStack);
    outer_ = std::exchange(loop.running, this);
    starting_ = true;
    outermost_ = !loop.active;
    loop.active = true;
}

void Stage::begin_launch() noexcept {
    launching_ = true;
    begin();
}

bool Stage::await(Stage& child, uint8_t takes, const Place& place) noexcept {
    assert(!child_ && child.thread_ == this_thread());
    child_ = &child;
    child.parent_ = this;
    takes_ = takes;
    waits_ = place;
    const bool doomed = doomed_ || (starting_ && outer_ && outer_->launching_ && outer_->doomed_);
    return child.settled() && can_take(child) && !doomed;
}

// A frame that was resumed by the loop returns to it. One that was started returns to its caller, which may be plain code:
// then the loop is here.
void Stage::suspend() noexcept {
    if (starting_) leave_start();
}

bool Stage::body_ended() noexcept { return true; }

void Stage::frame_ended() noexcept {
    if (starting_) leave_start();
}

void Stage::leave_start() noexcept {
    starting_ = launching_ = false;
    loop.leave(*this, outer_);
    if (settled()) {
        release(kBody);
        if (parent_) loop.enqueue(*this);
    } else if (child_->settled()) {
        loop.enqueue(*child_);
    }
    const bool outermost = outermost_;
    release(kOnStack);
    if (!outermost) return;
    loop.run();
    loop.active = false;
}

// How stages end.

// Goes through the chain below and what hangs off it: true when something of it is on the stack.
bool Stage::doom_running() noexcept {
    if (!loop.running) return false;
    bool found = false;
    for (Stage* at = this; at; at = at->child_) {
        if (at->holds_ & kOnStack) found = at->doomed_ = true;
        for (Branch* branch = at->branches_; branch; branch = branch->next_branch_) {
            if (branch->doom_running()) found = true;
        }
    }
    return found;
}

void Stage::end() noexcept {
    add_hold(kOnStack);
    Stage* outer = loop.running;
    loop.enter(*this);
    if (!settled()) unwind();
    clear_result();
    set_cancelled();
    loop.leave(*this, outer);
    release(kBody);
    release(kOnStack);
}

void Stage::pass_on() noexcept {
    Stage& child = take_child();
    unwind();
    if (child.outcome_ == Outcome::cancelled) {
        set_cancelled();
    } else {
        take_failure(child);
    }
    child.release(kConsumer);
}

// An error that is dropped here is one that nobody took.
void Stage::clear_result() noexcept try {
    if (outcome_ == Outcome::error || outcome_ == Outcome::exception) {
        const Error error = take_error();
        log::error("async", "nobody took the error of a Deferred",
                   {{"error", error.text()}, {"made", to_string(made_)}, {"raised", to_string(error.place())}});
    } else if (std::exchange(outcome_, Outcome::taken) == Outcome::value) {
        destroy_value();
    }
} catch (const std::bad_alloc&) {  // there is no memory to say so
}

std::string Stage::describe() const {
    std::string out;
    describe_to(out, 0);
    return out;
}

void Stage::describe_to(std::string& out, unsigned depth) const {
    for (const Stage* at = this; at; at = at->child_, ++depth) {
        out.append(std::size_t{depth} * 2, ' ');
        out += to_string(at->made_);
        out += ' ';
        out += short_name(at->made_);
        if (at->waits_.line() != 0 && at->child_) out += ", waits at " + to_string(at->waits_);
        if (at->holds_ & kOnStack) out += ", runs";
        if (at->settled()) out += ", done";
        out += '\n';
        const Branch* branch = at->branches_;
        while (branch && branch->next_branch_) branch = branch->next_branch_;
        for (; branch; branch = branch->previous_branch_) branch->describe_to(out, depth + 1);
    }
}

Branch::Branch(uint8_t holds, uint8_t takes, std::size_t bytes, const Place& made, Stage* owner) noexcept
    : Stage(holds, takes, bytes, made), owner_(owner) {
    if (!owner_) return;
    next_branch_ = std::exchange(owner_->branches_, this);
    if (next_branch_) next_branch_->previous_branch_ = this;
}

Branch::~Branch() { leave_owner(); }

void Branch::leave_owner() noexcept {
    if (!owner_) return;
    (previous_branch_ ? previous_branch_->next_branch_ : owner_->branches_) = next_branch_;
    if (next_branch_) next_branch_->previous_branch_ = previous_branch_;
    owner_ = nullptr;
    next_branch_ = previous_branch_ = nullptr;
}

}  // namespace bine
