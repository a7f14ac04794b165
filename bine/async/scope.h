// A scope that operations run in, so that somebody else can stop them.
//
//     Scope scope;                                    // a member of the connection, say
//     co_await scope.run(upload(file));               // throws Errc::cancelled_by_scope when somebody calls
//     scope.cancel();                                 // this, before the upload has ended
//
// Level-triggered: what is run in a cancelled scope is cancelled at once. Confined to one thread.
#pragma once

#include <utility>

#include "bine/async/deferred.h"
#include "bine/async/interruptible_stage.h"
#include "bine/base/intrusive_list.h"

namespace bine {

class Scope;

// What a Scope knows of an operation.
class Scoped : public ListHook<Scoped> {
public:
    virtual void interrupt_scoped() noexcept = 0;

protected:
    ~Scoped() = default;
};

class Scope {
public:
    Scope() = default;
    // Leaves what runs in it alone.
    ~Scope() = default;

    // `deferred`, with Errc::cancelled_by_scope in place of a cancellation by this scope. Any other passes on, and a result that
    // comes first wins.
    template <class T>
    Deferred<T> run(Deferred<T> deferred, Place place = Place::current());

    // Stops what runs in it, and what will. Done when it returns, if called from plain code. May destroy the scope.
    void cancel() noexcept;
    bool cancelled() const noexcept { return cancelled_; }

private:
    IntrusiveList<Scoped, Scoped> operations_;
    bool cancelled_ = false;
};

Error scope_error(const Place& place);

template <class T>
class ScopedStage final : public InterruptibleStage<T>, public Scoped {
public:
    ScopedStage(std::size_t bytes, IntrusiveList<Scoped, Scoped>& operations, const Place& made) noexcept
        : InterruptibleStage<T>(bytes, made) {
        operations.push_back(*this);
    }
    void interrupt_scoped() noexcept override { this->interrupt(); }

private:
    Error reason() const override { return scope_error(this->made()); }
    void disarm() noexcept override { unlink(); }
};

template <class T>
Deferred<T> Scope::run(Deferred<T> deferred, Place place) {
    const bool late = cancelled_;
    auto* stage = attach<ScopedStage<T>>(deferred.release(), operations_, place);
    if (late) stage->interrupt();
    return Deferred<T>(stage);
}

}  // namespace bine
