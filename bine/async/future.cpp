#include "bine/async/future.h"

#include "bine/base/log.h"

namespace bine {

FutureStage::~FutureStage() {
    if (error_ && !error_seen_) {
        log::error("async", "nobody took the error of a Future",
                   {{"error", error_->text()}, {"made", to_string(made())}, {"raised", to_string(error_->place())}});
    }
    if (result_) result_->release(kConsumer);
}

void FutureStage::resume() noexcept {
    result_ = &take_child();
    set_value();
    if (result_->outcome() == Outcome::error || result_->outcome() == Outcome::exception)
        error_ = result_->take_error();
    if (has_waiters()) wake_next_turn();
}

}  // namespace bine
