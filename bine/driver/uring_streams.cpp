// The io_uring driver's sockets: accepting, receiving, sending, ending. The theory is in uring_driver.h.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bine/driver/socket.h"
#include "bine/driver/uring_slot.h"

namespace bine {

namespace {

constexpr Duration kLinger = std::chrono::seconds(5);
constexpr uint64_t kSentPerTurn = 1u << 20;
constexpr std::size_t kWorthBorrowing = 512;

}  // namespace

UringDriver::Slot* UringDriver::find_stream(SocketId id) const noexcept {
    Slot* slot = find(id);
    return slot && !slot->listener ? slot : nullptr;
}

UringDriver::Slot& UringDriver::add(Descriptor fd, bool listener) {
    auto [id, slot] = slots_.emplace(std::move(fd));
    slot->id = id;
    slot->listener = listener;
    if (!listener) ++streams_;
    return *slot;
}

// Only when nothing of it is in flight.
void UringDriver::erase(Slot& slot) noexcept {
    if (!slot.listener) --streams_;
    slots_.erase(slot.id);
}

// Listening and connecting.

Result<SocketId> UringDriver::listen(const Address& address, const ListenOptions& options, AcceptSink& sink) {
    if (!address.is_ip()) return others_.listen(address, options, sink);
    auto made = socket::listen(address, options, system_);
    if (!made) return fail(made.error());
    auto id = adopt_listener(std::move(*made), sink);
    if (id) find(*id)->adopted = false;
    return id;
}

Result<SocketId> UringDriver::adopt_listener(Descriptor socket, AcceptSink& sink) {
    if (!socket::local_address(socket.get()).is_ip()) return others_.adopt_listener(std::move(socket), sink);
    socket::set_no_delay(socket.get(), true);  // connections inherit it
    Slot& slot = add(std::move(socket), true);
    slot.accept_sink = &sink;
    slot.adopted = true;
    return slot.id;
}

void UringDriver::accepted(Slot& slot, const io_uring_cqe& completion) {
    if (!(completion.flags & IORING_CQE_F_MORE)) {
        slot.armed = slot.cancelling = false;
        want_armed(slot);
    }
    const int result = completion.res;
    if (result >= 0) {
        Descriptor fd(result);
        if (slot.phase == Phase::ended) return;
        if (!slot.paused && !renewing_) return take_in(slot.id, std::move(fd));
        if (!slot.rare) slot.rare = std::make_unique<Rare>();
        slot.rare->accepted.push_back(result);
        [[maybe_unused]] const int kept = fd.release();
        notify(slot);
    } else if (result != -ECANCELED && result != -EINTR && result != -EAGAIN && result != -ECONNABORTED) {
        if (slot.phase != Phase::ended) accept_fails(slot, Error::from_errno(-result, "accept a connection"));
    }
}

// Multishot accept tells no address, and who has reset the connection meanwhile has none any more.
void UringDriver::take_in(SocketId listener, Descriptor fd) {
    Slot& made = add(std::move(fd), false);
    const SocketId id = made.id;
    made.peer = socket::peer_address(made.fd.get());
    find(listener)->accept_sink->accepted(id, made.peer);
    Slot* after = find(id);
    if (after && !after->sink && after->phase == Phase::open) erase(*after);
}

void UringDriver::serve_accepted(SocketId id) {
    for (Slot* slot = find(id); slot && !slot->paused && slot->rare; slot = find(id)) {
        std::vector<int>& waiting = slot->rare->accepted;
        Descriptor fd(waiting.front());
        waiting.erase(waiting.begin());
        if (waiting.empty()) slot->rare.reset();
        take_in(id, std::move(fd));
    }
}

void UringDriver::accept_fails(Slot& slot, const Error& error) {
    slot.paused = true;
    slot.accept_sink->accept_failed(error);
}

Result<SocketId> UringDriver::connect(const Address& remote, const Address& local, Sink& sink, Lane lane) {
    if (!remote.is_ip()) return others_.connect(remote, local, sink, lane);
    auto made = socket::connect(remote, local, system_);
    if (!made) return fail(made.error());
    Slot& slot = add(std::move(made->descriptor), false);
    slot.phase = Phase::connecting;
    slot.peer = remote;
    slot.sink = &sink;
    slot.lane = lane;
    if (made->failed != 0) {
        end(slot, made->failed, Deed::connect);
    } else {
        want_armed(slot);
    }
    return slot.id;
}

Result<SocketId> UringDriver::adopt(Descriptor input, Descriptor output) {
    return others_.adopt(std::move(input), std::move(output));
}

// What has been received cannot be given back to the kernel: only of a stream that nobody has read.
Descriptor UringDriver::release(SocketId id) {
    if (!is_ours(id)) return others_.release(id);
    Slot* slot = find_stream(id);
    if (!slot || slot->phase != Phase::open || !slot->queue.empty() || slot->operations > 0 || slot->rare) return {};
    Descriptor released = std::move(slot->fd);
    erase(*slot);
    return released;
}

void UringDriver::got_room(Slot& slot) {
    slot.awaits_room = false;
    slot.blocked = false;
    if (slot.phase == Phase::connecting && !renewing_) {
        if (const int error = socket::take_error(slot.fd.get(), system_)) return end(slot, error, Deed::connect);
        slot.phase = Phase::open;
        slot.connected_due = true;
        notify(slot);
        want_armed(slot);
    }
    queue_for_flush(slot);
}

// Reading.

void UringDriver::set_sink(SocketId id, Sink& sink, Lane lane, bool asked_for) noexcept {
    if (!is_ours(id)) return others_.set_sink(id, sink, lane, asked_for);
    Slot* slot = find_stream(id);
    if (!slot || (slot->phase >= Phase::lingering && !slot->sink)) return;
    slot->sink = &sink;
    slot->lane = lane;
    slot->asked_for = asked_for;
    ListHook<NoticeTag>& notice = *slot;
    if (notice.linked()) {
        notice.unlink();
        notify(*slot);
    }
}

// A receive that is in flight stays so until bytes come that nobody wants: a short pause costs nothing.
void UringDriver::pause(SocketId id) noexcept {
    if (!is_ours(id)) return others_.pause(id);
    Slot* slot = find(id);
    if (!slot || slot->paused) return;
    slot->paused = true;
    if (slot->listener && slot->armed) cancel(*slot, Operation::accept);
    if (slot->write_error != 0) notify(*slot);
}

void UringDriver::resume(SocketId id) noexcept {
    if (!is_ours(id)) return others_.resume(id);
    Slot* slot = find(id);
    if (!slot || !slot->paused || slot->phase == Phase::ended) return;
    slot->paused = false;
    want_armed(*slot);
    if (slot->rare || slot->end_due) notify(*slot);
}

// `result` as a receive completes: bytes, 0 for the end, or an errno below it.
void UringDriver::serve_piece(Slot& slot, const Piece& piece, int result) {
    if (slot.phase == Phase::ended || slot.phase == Phase::connecting) return;
    if (slot.discards()) {
        if (result > 0) slot.finishing = false;
        if (result <= 0) discarding_ended(slot, -result);
    } else if (!slot.reads() || slot.rare) {
        hold_piece(slot, piece, result);
    } else if (result > 0) {
        hand_over(slot, piece.bytes);
    } else {
        input_ended(slot, -result);
    }
}

void UringDriver::discarding_ended(Slot& slot, int error) {
    if (slot.phase == Phase::lingering) return end(slot, 0, Deed::none);
    slot.ended_there = true;
    if (error != 0) end(slot, error, Deed::send);
}

// Keeps for later what nobody wants now, outside of the shared buffers, and stops more from coming.
void UringDriver::hold_piece(Slot& slot, const Piece& piece, int result) {
    if (slot.phase != Phase::open) return;
    if (result > 0) {
        hold(slot, piece.bytes);
        stop_receiving(slot);
    } else {
        slot.end_due = true;
        slot.error = -result;
    }
    if (slot.reads()) notify(slot);
}

void UringDriver::hold(Slot& slot, std::string_view bytes) {
    if (!slot.rare) slot.rare = std::make_unique<Rare>();
    slot.rare->held.append(bytes);
    if (slot.reads()) notify(slot);
}

void UringDriver::deliver_held(Slot& slot) {
    const SocketId id = slot.id;
    const std::unique_ptr<Rare> rare = std::move(slot.rare);
    hand_over(slot, rare->held);
    Slot* left = find(id);
    if (left) want_armed(*left);
}

void UringDriver::hand_over(Slot& slot, std::string_view bytes) {
    if (!slot.asked_for) return slot.sink->data_received(bytes);
    const SocketId id = slot.id;
    while (!bytes.empty() && fill_asked(slot, bytes)) {
        if (find(id) != &slot || slot.phase != Phase::open) return;
    }
    if (!bytes.empty() && find(id) == &slot && slot.phase == Phase::open) hold(slot, bytes);
}

// Moves bytes from the front to where the sink wants them. False when it wants none.
bool UringDriver::fill_asked(Slot& slot, std::string_view& bytes) {
    const SocketId id = slot.id;
    const Lane lane = slot.lane;
    if (!slot.reads()) return false;
    const std::span<char> room = slot.sink->get_buffer();
    if (find(id) != &slot || !slot.reads() || !slot.asked_for || slot.lane != lane) return false;
    if (room.empty()) {
        slot.paused = true;
        return false;
    }
    const std::size_t count = bytes.copy(room.data(), room.size());
    bytes.remove_prefix(count);
    slot.sink->data_received({room.data(), count});
    return find(id) == &slot && slot.lane == lane && slot.asked_for;
}

void UringDriver::input_ended(Slot& slot, int error) {
    if (slot.write_error != 0) return end(slot, slot.write_error, Deed::send);
    if (error != 0) return end(slot, error, Deed::receive);
    slot.ended_there = true;
    Sink* sink = slot.sink;
    if (slot.shut_down) end(slot, 0, Deed::none);
    sink->end_received();
}

// Sending.

void UringDriver::send(SocketId id, std::string_view bytes, Lifetime lifetime) {
    if (!is_ours(id)) return others_.send(id, bytes, lifetime);
    Slot* slot = find_stream(id);
    if (!slot || !slot->may_queue() || bytes.empty()) return;
    if (lifetime == Lifetime::fixed) {
        slot->queue.append_fixed(bytes);
    } else if (bytes.size() >= kWorthBorrowing && buffers_->holds(bytes) && slot->may_borrow()) {
        const uint16_t buffer = buffers_->buffer_of(bytes);
        loans_.push_back(buffer);
        buffers_->pin(buffer);
        slot->queue.append_fixed(bytes);
        slot->loaned += static_cast<uint32_t>(bytes.size());
    } else {
        slot->queue.append(bytes);
    }
    queue_for_flush(*slot);
}

void UringDriver::send(SocketId id, Output&& output) {
    if (!is_ours(id)) return others_.send(id, std::move(output));
    Slot* slot = find_stream(id);
    if (!slot || !slot->may_queue()) return output.clear();
    if (output.empty()) return;
    slot->queue.append(std::move(output));
    queue_for_flush(*slot);
}

void UringDriver::queue_for_flush(Slot& slot) noexcept {
    if (slot.queue.size() > slot.low_mark) slot.above_low = true;
    ListHook<FlushTag>& hook = slot;
    if (!hook.linked()) to_flush_.push_back(slot);
}

void UringDriver::flush_all() {
    messages_used_ = 0;
    loans_leaving_.swap(loans_);
    IntrusiveList<Slot, FlushTag> now;
    now.splice_back(to_flush_);
    while (Slot* slot = now.pop_front()) {
        try {
            flush(*slot);
        } catch (const std::bad_alloc&) {
            write_failed(*slot, ENOMEM);
        }
    }
}

void UringDriver::flush(Slot& slot) {
    if (slot.blocked || slot.write_error != 0) return;
    if (slot.phase == Phase::connecting || slot.phase == Phase::ended) return;
    if (slot.queue.front_descriptor()) {
        write_failed(slot, EOPNOTSUPP);
    } else if (slot.queue.front_file()) {
        send_file(slot);
    } else if (slot.queue.empty()) {
        queue_emptied(slot);
    } else {
        send_memory(slot);
    }
}

void UringDriver::send_memory(Slot& slot) {
    if (slot.finishing) stop_receiving(slot);
    if (messages_used_ == messages_.size()) messages_.push_back(std::unique_ptr<Message>(new Message));
    Message& message = *messages_[messages_used_];
    const std::size_t count = slot.queue.gather(message.parts);
    std::size_t asked = 0;
    for (std::size_t i = 0; i < count; ++i) {
        iovec& part = message.parts[i];
        part.iov_len = std::min<std::size_t>(part.iov_len, kSentPerTurn - asked);
        asked += part.iov_len;
    }
    slot.sent = static_cast<int>(asked);
    slot.fell_short = false;
    const uint64_t tag = tag_of(slot.id, Operation::send);
    io_uring_sqe& entry = ring_->entry(count == 1 ? IORING_OP_SEND : IORING_OP_SENDMSG, slot.fd.get(), tag);
    // Silent only where nothing is to be done behind it, or the call would sleep over that.
    const bool more = asked < slot.queue.size() || slot.shut;  // an end that follows leaves in the same segment
    if (!more && !slot.above_low) entry.flags = IOSQE_CQE_SKIP_SUCCESS;
    if (count == 1) {
        entry.addr = reinterpret_cast<uint64_t>(message.parts[0].iov_base);
        entry.len = static_cast<uint32_t>(asked);
    } else {
        ++messages_used_;
        message.header = {};
        message.header.msg_iov = message.parts.data();
        message.header.msg_iovlen = count;
        entry.addr = reinterpret_cast<uint64_t>(&message.header);
        entry.len = 1;
    }
    entry.msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL | (more ? uint32_t{MSG_MORE} : 0);
    sending_.push_back(slot);
}

// The ring has no sendfile: a call of its own, as with epoll.
void UringDriver::send_file(Slot& slot) {
    const Output::FileRange& range = *slot.queue.front_file();
    auto offset = static_cast<off_t>(range.offset);
    const std::size_t most = std::min<uint64_t>(range.length, kSentPerTurn);
    const long count = system_.sendfile(slot.fd.get(), range.file->get(), &offset, most);
    if (count == 0) return write_failed(slot, ENODATA);  // the file has become shorter: the promise cannot be kept
    slot.sent = count > 0 ? static_cast<int>(count) : -errno;
    slot.fell_short = slot.sent < static_cast<int>(most);
    has_sent(slot);
}

// Every send has happened inside of the call that submitted it; those that say nothing have sent all.
void UringDriver::settle_sends() {
    while (ring_->has_unsubmitted()) ring_->enter(TimePoint(), TimePoint::min());
    if (!sending_.empty()) {
        ring_->for_each_waiting([this](io_uring_cqe& completion) {
            if (operation_of(completion) != Operation::send) return;
            Slot* slot = find(id_of(completion));
            completion.user_data = 0;
            if (!slot) return;
            slot->fell_short = completion.res < slot->sent;
            slot->sent = completion.res;
        });
    }
    while (Slot* slot = sending_.pop_front()) {
        try {
            has_sent(*slot);
        } catch (const std::bad_alloc&) {
            end(*slot, ENOMEM, Deed::send);
        }
    }
    for (const uint16_t buffer : loans_leaving_) buffers_->unpin(buffer);
    loans_leaving_.clear();
}

void UringDriver::has_sent(Slot& slot) {
    const int result = slot.sent;
    const uint32_t count = result > 0 ? static_cast<uint32_t>(result) : 0;
    slot.queue.consume(count);
    slot.loaned -= std::min(slot.loaned, count);
    own_loan(slot);
    if (result < 0 && result != -EAGAIN && result != -EINTR) return write_failed(slot, -result);
    slot.blocked = slot.fell_short && result != -EINTR;
    if (slot.above_low && slot.queue.size() <= slot.low_mark) {
        slot.above_low = false;
        slot.drained_due = true;
        notify(slot);
    }
    if (slot.blocked) {
        want_armed(slot);
    } else if (!slot.queue.empty()) {
        queue_for_flush(slot);
    } else {
        queue_emptied(slot);
    }
}

// What could not leave from shared buffers, which others wait for.
void UringDriver::own_loan(Slot& slot) {
    if (slot.loaned == 0) return;
    Output rest = std::move(slot.queue);
    for (std::size_t left = std::exchange(slot.loaned, 0); left > 0;) {
        iovec part{};
        rest.gather({&part, 1});
        const std::size_t count = std::min(left, part.iov_len);
        slot.queue.append({static_cast<const char*>(part.iov_base), count});
        rest.consume(count);
        left -= count;
    }
    slot.queue.append(std::move(rest));
}

// Does what was ordered behind the queue.
void UringDriver::queue_emptied(Slot& slot) {
    if (!slot.shut || slot.shut_down) return;
    if (slot.phase == Phase::closing && (slot.ended_there || slot.plain)) return end(slot, 0, Deed::none);
    if (slot.finishing && slot.armed) return stop_receiving(slot);  // goes on when that has come back
    if (slot.finishing && !socket::has_unread(slot.fd.get())) return end(slot, 0, Deed::none);
    slot.shut_down = true;
    ::shutdown(slot.fd.get(), SHUT_WR);
    if (slot.phase == Phase::closing) {
        slot.phase = Phase::lingering;
        slot.lingers_until = now() + kLinger;
        lingering_.push_back(slot);
        slot.closed_due = true;
        notify(slot);
    } else if (slot.ended_there) {
        end(slot, 0, Deed::none);
    }
}

// What can still be read is read first: the other side's last words often say why it reset us. Until then the queue
// stays, and grows, so that whoever writes without end is stopped by backpressure.
void UringDriver::write_failed(Slot& slot, int error) noexcept {
    slot.blocked = false;
    slot.write_error = error;
    if ((error == EPIPE || error == ECONNRESET) && slot.reads()) return want_armed(slot);
    socket::set_reset_on_close(slot.fd.get());
    end(slot, error, Deed::send);
}

// Between waits no send is in flight, so a call of its own cannot overtake one.
void UringDriver::flush(SocketId id) noexcept {
    if (!is_ours(id)) return others_.flush(id);
    Slot* slot = find_stream(id);
    if (!slot || slot->blocked || slot->write_error != 0 || slot->loaned > 0) return;
    if (slot->phase == Phase::connecting || slot->phase == Phase::ended) return;
    iovec parts[kParts];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = slot->queue.gather(parts);
    if (message.msg_iovlen == 0) return;
    const long count = system_.sendmsg(slot->fd.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    slot->sent = count < 0 ? -errno : static_cast<int>(count);
    slot->fell_short = count < 0;
    try {
        has_sent(*slot);
    } catch (const std::bad_alloc&) {
        end(*slot, ENOMEM, Deed::send);
    }
}

uint64_t UringDriver::queued(SocketId id) const noexcept {
    if (!is_ours(id)) return others_.queued(id);
    const Slot* slot = find_stream(id);
    return slot ? slot->queue.size() : 0;
}

void UringDriver::set_low_mark(SocketId id, uint32_t bytes) noexcept {
    if (!is_ours(id)) return others_.set_low_mark(id, bytes);
    Slot* slot = find_stream(id);
    if (!slot) return;
    slot->low_mark = bytes;
    if (slot->queue.size() > bytes) slot->above_low = true;
}

// Ending.

void UringDriver::shutdown(SocketId id) noexcept {
    if (!is_ours(id)) return others_.shutdown(id);
    Slot* slot = find_stream(id);
    if (!slot || !slot->may_queue()) return;
    slot->shut = true;
    queue_for_flush(*slot);
}

void UringDriver::close(SocketId id) noexcept {
    if (!is_ours(id)) return others_.close(id);
    Slot* slot = find(id);
    if (!slot || slot->phase == Phase::ended) return;
    if (slot->listener) return close_listener(*slot);
    if (!slot->sink) {
        if (slot->phase == Phase::open) erase(*slot);
    } else if (slot->write_error != 0) {
        end(*slot, slot->write_error, Deed::send);
    } else if (slot->phase == Phase::connecting) {
        end(*slot, 0, Deed::none);
    } else if (slot->phase == Phase::open) {
        slot->phase = Phase::closing;
        slot->shut = true;
        if (slot->end_due) slot->ended_there = true;
        slot->error = 0;
        slot->rare.reset();
        if (slot->shut_down) slot->queue.clear();
        slot->shut_down = false;
        want_armed(*slot);
        queue_for_flush(*slot);
    }
}

void UringDriver::finish(SocketId id) noexcept {
    if (!is_ours(id)) return others_.finish(id);
    close(id);
    Slot* slot = find_stream(id);
    if (slot && slot->phase == Phase::closing) slot->finishing = true;
}

// An accept in flight keeps the socket listening, whoever closes the descriptor: it has to end first. Those of a thread that
// is gone end when the kernel comes to it; until then the socket at least does not listen.
void UringDriver::close_listener(Slot& slot) noexcept {
    if (slot.operations > 0 && is_own_thread()) {
        ring_->cancel_now(slot.fd.get());
    } else if (slot.operations > 0 && !slot.adopted) {
        ::shutdown(slot.fd.get(), SHUT_RDWR);
    }
    slot.fd.reset();
    slot.phase = Phase::ended;
    if (slot.rare) {
        for (const int fd : slot.rare->accepted) ::close(fd);
        slot.rare.reset();
    }
    if (slot.operations == 0) erase(slot);
}

void UringDriver::end_plainly(SocketId id) noexcept {
    if (!is_ours(id)) return others_.end_plainly(id);
    if (Slot* slot = find_stream(id)) slot->plain = true;
}

void UringDriver::abort(SocketId id) noexcept {
    if (!is_ours(id)) return others_.abort(id);
    Slot* slot = find(id);
    if (!slot || slot->phase == Phase::ended) return;
    if (slot->listener) return close_listener(*slot);
    const bool told = slot->phase == Phase::lingering && !slot->sink;
    if (!told && !slot->plain) socket::set_reset_on_close(slot->fd.get());
    if (slot->sink || told) {
        end(*slot, 0, Deed::none);
    } else if (slot->phase == Phase::open) {
        erase(*slot);
    }
}

void UringDriver::abort_all() noexcept {
    slots_.for_each([this](SocketId id, const Slot&) { abort(id); });
    others_.abort_all();
}

// Cancels what is in flight; closed() is told when all of it has come back.
void UringDriver::end(Slot& slot, int error, Deed deed) noexcept {
    if (slot.phase == Phase::ended) return;
    if (slot.phase != Phase::lingering) {
        slot.error = error;
        slot.deed = deed;
    }
    slot.phase = Phase::ended;
    slot.rare.reset();
    static_cast<ListHook<FlushTag>&>(slot).unlink();
    slot.queue.clear();
    slot.loaned = 0;
    if (slot.operations == 0) return released(slot);
    if (!is_own_thread()) return;  // a new ring knows nothing of it
    io_uring_sqe& entry = ring_->entry(IORING_OP_ASYNC_CANCEL, slot.fd.get(), 0);
    entry.flags = IOSQE_CQE_SKIP_SUCCESS;
    entry.cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
}

// Nothing of it is in flight any more.
void UringDriver::released(Slot& slot) noexcept {
    slot.fd.reset();
    if (!slot.sink && !slot.closed_due) return erase(slot);
    slot.closed_due = true;
    notify(slot);
}

Address UringDriver::local_address(SocketId id) const {
    if (!is_ours(id)) return others_.local_address(id);
    const Slot* slot = find(id);
    return slot && slot->fd ? socket::local_address(slot->fd.get()) : Address();
}

Address UringDriver::peer_address(SocketId id) const {
    if (!is_ours(id)) return others_.peer_address(id);
    const Slot* slot = find(id);
    return slot ? slot->peer : Address();
}

int UringDriver::descriptor(SocketId id) const noexcept {
    if (!is_ours(id)) return others_.descriptor(id);
    const Slot* slot = find(id);
    return slot && slot->fd ? slot->fd.get() : -1;
}

void UringDriver::set_no_delay(SocketId id, bool on) noexcept {
    if (!is_ours(id)) return others_.set_no_delay(id, on);
    const Slot* slot = find_stream(id);
    if (slot && slot->fd) socket::set_no_delay(slot->fd.get(), on);
}

void UringDriver::set_keep_alive(SocketId id, bool on) noexcept {
    if (!is_ours(id)) return others_.set_keep_alive(id, on);
    const Slot* slot = find_stream(id);
    if (slot && slot->fd) socket::set_keep_alive(slot->fd.get(), on);
}

}  // namespace bine
