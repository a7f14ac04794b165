#include "bine/testing/memory_connection.h"

#include <utility>

#include "bine/base/log.h"
#include "bine/net/retire.h"

namespace bine::testing {

MemoryConnection::MemoryConnection(Reactor& reactor, Address local, Address peer)
    : reactor_(reactor), local_(std::move(local)), peer_(std::move(peer)) {}

void MemoryConnection::end_now() noexcept {
    if (!protocol_) return;
    closing_ = true;
    if (!reason_) reason_.emplace(CloseReason::Kind::aborted);
    lose();
}

// An exception out of a callback is the reason of the connection's end.
template <class F>
void MemoryConnection::guarded(F&& callback) noexcept {
    try {
        callback();
    } catch (...) {
        abort(Error::from_current_exception());
    }
}

void MemoryConnection::start(std::unique_ptr<Protocol> protocol) {
    protocol_ = std::move(protocol);
    guarded([this] { protocol_->connection_made(*this); });
}

void MemoryConnection::write(std::string_view bytes) {
    if (end_wanted_ || closing_) return;
    queue_.append(bytes);
    output_changed();
    update_writing_paused();
}

void MemoryConnection::write(Output&& output) {
    if (end_wanted_ || closing_) return;
    const Output taken = std::move(output);
    try {
        write(taken.to_string());
    } catch (const Error& error) {
        abort(error);
    }
}

void MemoryConnection::set_write_limits(std::size_t high, std::size_t low) noexcept {
    high_ = high;
    low_ = low;
    update_writing_paused();
}

void MemoryConnection::set_addresses(const Address& local, const Address& peer) {
    local_ = local;
    peer_ = peer;
}

void MemoryConnection::update_writing_paused() noexcept {
    if (queue_.size() > high_ && !writing_paused_) writing_paused_ = pause_due_ = true;
    if (queue_.size() <= low_) writing_paused_ = false;
    if (pause_due_ || writing_paused_ != told_writing_paused_) call_soon();
}

void MemoryConnection::resume_reading() noexcept {
    reading_paused_ = false;
    call_soon();
}

void MemoryConnection::shutdown_writing() noexcept {
    if (end_wanted_ || closing_) return;
    end_wanted_ = true;
    output_changed();
}

void MemoryConnection::close() noexcept {
    if (closing_) return;
    closing_ = true;
    end_wanted_ = true;
    inbox_.clear();
    if (end_sent_) {
        end_sent();
    } else {
        output_changed();
    }
}

void MemoryConnection::finish() noexcept {
    if (!closing_) finished_ = true;
    close();
}

void MemoryConnection::end(CloseReason reason) noexcept {
    if (broken_ || lost_) return;
    reason_.emplace(std::move(reason));
    closing_ = broken_ = true;
    queue_.clear();
    inbox_.clear();
    output_changed();
    call_soon();
}

void MemoryConnection::end_sent() noexcept {
    end_sent_ = true;
    if (reason_ || !(closing_ || told_end_)) return;
    closing_ = true;
    reason_.emplace(told_end_ ? CloseReason::Kind::closed_there : CloseReason::Kind::closed_here);
    call_soon();
}

void MemoryConnection::forget_sent(std::size_t count) noexcept {
    queue_.erase(0, count);
    update_writing_paused();
}

void MemoryConnection::replace_protocol(std::unique_ptr<Protocol> next, std::string_view leftover) {
    if (lost_) return;
    retire(reactor_, std::move(protocol_));
    if (std::exchange(told_writing_paused_, false) && writing_paused_) {
        pause_due_ = true;
        call_soon();
    }
    start(std::move(next));
    if (!leftover.empty() && !closing_) guarded([&] { protocol_->data_received(leftover); });
    if (told_end_ && !closing_) tell_end();
}

void MemoryConnection::arrive(std::string_view bytes) {
    if (!closing_ && !end_arrived_) inbox_.append(bytes);
}

void MemoryConnection::arrive_end() { end_arrived_ = true; }

// The bytes are moved into memory of their own, so that a sanitizer catches who keeps a view of them.
void MemoryConnection::deliver() {
    if (!protocol_ || closing_ || reading_paused_) return;
    if (!inbox_.empty()) {
        const std::string bytes = std::exchange(inbox_, {});
        input_taken();
        guarded([&] { protocol_->data_received(bytes); });
    }
    if (end_arrived_ && !told_end_ && !closing_ && !reading_paused_) tell_end();
}

void MemoryConnection::tell_end() {
    told_end_ = true;
    guarded([this] {
        const Protocol* const asked = protocol_.get();
        const bool keep_open = protocol_->end_received();
        if (closing_ || asked != protocol_.get()) return;
        if (!keep_open) {
            close();
        } else if (end_sent_) {
            end_sent();
        }
    });
}

void MemoryConnection::tell_writing() {
    if (std::exchange(pause_due_, false) && !told_writing_paused_ && !closing_) {
        told_writing_paused_ = true;
        guarded([this] { protocol_->writing_paused(); });
    }
    if (told_writing_paused_ && !writing_paused_ && !closing_) {
        told_writing_paused_ = false;
        guarded([this] { protocol_->writing_resumed(); });
    }
}

void MemoryConnection::call() {
    if (!protocol_) return;
    tell_writing();
    deliver();
    send_output();
    if (reason_) lose();
}

void MemoryConnection::lose() noexcept {
    lost_ = true;
    cell_.clear();
    try {
        protocol_->connection_lost(*reason_);
    } catch (...) {
        log::error("testing", "connection_lost threw", {{"error", Error::from_current_exception().text()}});
    }
    retire(reactor_, std::move(protocol_));
}

}  // namespace bine::testing
