#include "bine/testing/string_transport.h"

#include <algorithm>

#include "bine/testing/manual_driver.h"

namespace bine::testing {

namespace {

Address ours() { return Address::loopback(80); }
Address theirs() { return Address::loopback(49152); }

}  // namespace

StringTransport::StringTransport() : StringTransport(std::make_unique<Reactor>(std::make_unique<ManualDriver>())) {}

StringTransport::StringTransport(std::unique_ptr<Reactor> reactor)
    : MemoryConnection(*reactor, ours(), theirs()), own_reactor_(std::move(reactor)) {}

StringTransport::StringTransport(Reactor& reactor) : MemoryConnection(reactor, ours(), theirs()) {}

void StringTransport::receive(std::string_view bytes) {
    arrive(bytes);
    deliver();
}

void StringTransport::receive_byte_by_byte(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) receive(bytes.substr(i, 1));
}

void StringTransport::receive_end() {
    arrive_end();
    deliver();
}

void StringTransport::accept_output(std::size_t count) {
    take_output(count);
    settle();
}

void StringTransport::accept_output() {
    stalled_ = false;
    accept_output(queue().size());
}

void StringTransport::output_changed() noexcept { take_output(stalled_ ? 0 : queue().size()); }

void StringTransport::take_output(std::size_t count) noexcept {
    count = std::min(count, queue().size());
    written_.append(queue(), 0, count);
    forget_sent(count);
    if (!queue().empty() || !wants_to_end() || ended_) return;
    ended_ = true;
    end_sent();
}

void StringTransport::settle() {
    while (reactor().run_ready()) {
    }
}

void StringTransport::advance(Duration time) {
    const TimePoint until = reactor().driver().now() + time;
    settle();
    while (reactor().driver().now() < until) reactor().turn(until);
    settle();
}

}  // namespace bine::testing
