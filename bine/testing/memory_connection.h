// What the transports in memory have in common: a Transport that owns its Protocol and keeps the rules of protocol.h -
// no callback from inside a call, connection_lost once and last and from a later turn, an exception aborts.
//
// Derived classes say where the bytes go. Confined to the reactor's thread; the reactor outlives it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "bine/net/close_reason.h"
#include "bine/net/connection_ref.h"
#include "bine/net/protocol.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"

namespace bine::testing {

class MemoryConnection : public Transport, private Call {
public:
    MemoryConnection(const MemoryConnection&) = delete;
    MemoryConnection& operator=(const MemoryConnection&) = delete;

    void write(std::string_view bytes) final;
    // Files are read at once; descriptors are dropped, as there is nowhere for them to go.
    void write(Output&& output) final;
    uint64_t queued() const noexcept final { return queue_.size(); }
    void set_write_limits(std::size_t high, std::size_t low) noexcept final;
    bool writing_is_paused() const noexcept final { return writing_paused_; }
    void pause_reading() noexcept final { reading_paused_ = true; }
    void resume_reading() noexcept final;
    void shutdown_writing() noexcept final;
    void close() noexcept final;
    void finish() noexcept final;
    void abort() noexcept final { end(CloseReason(CloseReason::Kind::aborted)); }
    void abort(Error reason) noexcept final { end(CloseReason(CloseReason::Kind::aborted, std::move(reason))); }
    bool is_closing() const noexcept final { return closing_; }
    void replace_protocol(std::unique_ptr<Protocol> next, std::string_view leftover) final;
    Address local_address() const final { return local_; }
    Address peer_address() const final { return peer_; }
    void set_addresses(const Address& local, const Address& peer) final;
    Reactor& reactor() const noexcept final { return reactor_; }
    ConnectionRef ref() final { return cell_.ref(*this); }

    bool reading_is_paused() const noexcept { return reading_paused_; }
    // Null before the start and after the loss.
    Protocol* protocol() const noexcept { return protocol_.get(); }
    // It was closed by finish(): the end of the other side is not waited for.
    bool is_finished() const noexcept { return finished_; }
    // True once connection_lost has been called.
    bool is_lost() const noexcept { return lost_; }
    // Why it ended, or will end in the next turn; null while it lives.
    const CloseReason* reason() const noexcept { return reason_ ? &*reason_ : nullptr; }

protected:
    MemoryConnection(Reactor& reactor, Address local, Address peer);
    ~MemoryConnection() = default;
    // For the derived class's destructor: one that still lives ends as aborted, connection_lost comes from here.
    void end_now() noexcept;

    void start(std::unique_ptr<Protocol> protocol);

    // From the other side. Nothing is delivered before deliver() or the next turn.
    void arrive(std::string_view bytes);
    void arrive_end();
    void arrive_failure(Error error) { end(CloseReason(CloseReason::Kind::failed, std::move(error))); }
    // Hands what has arrived to the protocol, unless reading is paused. Not from inside a callback.
    void deliver();
    void call_soon() noexcept { reactor_.call_soon(*this); }

    // Something was queued, ended or aborted: called from inside write(), close() and so on, so it may call nobody back.
    virtual void output_changed() noexcept = 0;
    // The turn's part of sending; may call anybody.
    virtual void send_output() {}
    // Bytes have been delivered: there is room.
    virtual void input_taken() noexcept {}

    const std::string& queue() const noexcept { return queue_; }
    void forget_sent(std::size_t count) noexcept;
    // Our end is due once the queue is empty; false after an abort or a failure.
    bool wants_to_end() const noexcept { return end_wanted_ && !broken_; }
    bool was_aborted() const noexcept { return broken_ && reason_ && reason_->kind() == CloseReason::Kind::aborted; }
    // Derived says: our end has left.
    void end_sent() noexcept;
    std::size_t arrived() const noexcept { return inbox_.size(); }

private:
    template <class F>
    void guarded(F&& callback) noexcept;
    void call() override;
    void end(CloseReason reason) noexcept;
    void update_writing_paused() noexcept;
    void tell_writing();
    void tell_end();
    void lose() noexcept;

    Reactor& reactor_;
    Address local_;
    Address peer_;
    std::unique_ptr<Protocol> protocol_;
    ConnectionCell cell_;
    std::string queue_;
    std::string inbox_;
    std::size_t high_ = 65536;
    std::size_t low_ = 16384;
    std::optional<CloseReason> reason_;
    bool writing_paused_ = false;
    bool told_writing_paused_ = false;
    bool pause_due_ = false;
    bool reading_paused_ = false;
    bool end_arrived_ = false;
    bool told_end_ = false;
    bool end_wanted_ = false;
    bool end_sent_ = false;
    bool closing_ = false;
    bool finished_ = false;
    bool broken_ = false;
    bool lost_ = false;
};

}  // namespace bine::testing
