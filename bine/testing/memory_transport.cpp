#include "bine/testing/memory_transport.h"

#include <algorithm>
#include <cerrno>

namespace bine::testing {

void MemoryTransport::send_output() {
    if (!other_ || reset_) return;
    if (was_aborted()) {
        reset_ = true;
        if (!ended_ || !other_->is_closing()) other_->arrive_failure(Error::from_errno(ECONNRESET, "receive"));
        return;
    }
    const std::size_t room = window_ - std::min(window_, other_->arrived());
    const std::size_t count = std::min(room, queue().size());
    if (count > 0) {
        other_->arrive(std::string_view(queue()).substr(0, count));
        other_->call_soon();
        forget_sent(count);
        if (other_->is_closing()) call_soon();  // nothing is held over there: there is room at once
    }
    if (!queue().empty() || !wants_to_end() || ended_) return;
    ended_ = true;
    other_->arrive_end();
    other_->call_soon();
    end_sent();
}

void MemoryTransport::input_taken() noexcept {
    if (other_ && !other_->queue().empty()) other_->call_soon();
}

MemoryPair::MemoryPair(Reactor& reactor, std::size_t window)
    : first_(reactor, Address::loopback(49152), Address::loopback(80), window),
      second_(reactor, Address::loopback(80), Address::loopback(49152), window) {
    first_.other_ = &second_;
    second_.other_ = &first_;
}

MemoryPair::~MemoryPair() { first_.other_ = second_.other_ = nullptr; }

void MemoryPair::start(std::unique_ptr<Protocol> first, std::unique_ptr<Protocol> second) {
    first_.MemoryConnection::start(std::move(first));
    second_.MemoryConnection::start(std::move(second));
}

}  // namespace bine::testing
