#include "bine/tls/gate.h"

namespace bine::tls {

bool Gate::enter(Reactor& reactor, Visitor& visitor) noexcept {
    reactor_ = &reactor;
    reactor.call_soon(*this);
    if (entered_ < kPerTurn && waiting_.empty()) {
        ++entered_;
        return true;
    }
    if (!visitor.linked()) waiting_.push_back(visitor);
    return false;
}

void Gate::call() {
    const Ref<Gate> self(this);  // the last visitor may be the last who knows it
    entered_ = 0;
    while (entered_ < kPerTurn) {
        Visitor* const next = waiting_.pop_front();
        if (!next) break;
        ++entered_;
        next->enter_now();
    }
    if (entered_ > 0) reactor_->call_soon(*this);
}

}  // namespace bine::tls
