// A stage that can cancel what is below it, and then ends with an error of its own: what within() and Scope are made of. Not
// for users.
#pragma once

#include "bine/async/result_stage.h"

namespace bine {

template <class T>
class InterruptibleStage : public ResultStage<T> {
public:
    // A result that is there already, or that comes while the cancellation waits for the stack, wins.
    void interrupt() noexcept {
        if (interrupted_ || this->settled() || !this->child()) return;
        interrupted_ = true;
        this->child()->cancel();
    }

protected:
    InterruptibleStage(std::size_t bytes, const Place& made) noexcept
        : ResultStage<T>(Stage::kConsumer | Stage::kBody, Stage::kValue | Stage::kError | Stage::kCancelled, bytes,
                         made) {}

    // The error in place of the child's cancellation, and what has to be undone in any case.
    virtual Error reason() const = 0;
    virtual void disarm() noexcept = 0;

private:
    void resume() noexcept final {
        const OwnedChild<T> child(&this->take_child());
        disarm();
        try {
            if (interrupted_ && child->outcome() == Outcome::cancelled) {
                this->set_error(reason());
            } else {
                this->take_over(*child);
            }
        } catch (...) {
            this->set_exception(std::current_exception());
        }
    }
    void unwind() noexcept final { disarm(); }

    bool interrupted_ = false;
};

}  // namespace bine
