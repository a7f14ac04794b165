// The io_uring driver's turn: what is asked of the ring, what completes, and what is told.
#include "uring_driver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "uring_slot.h"

namespace bine::seam {

namespace {

constexpr unsigned kEntries = 1024;
constexpr std::size_t kThreads = 4;
constexpr std::size_t kFilePart = 65536;
constexpr Duration kLinger = std::chrono::seconds(5);

Duration read_clock(clockid_t clock) noexcept {
    timespec value{};
    ::clock_gettime(clock, &value);
    return std::chrono::seconds(value.tv_sec) + Duration(value.tv_nsec);
}

}  // namespace

Result<std::unique_ptr<UringDriver>> UringDriver::make(const UringOptions& options) {
    auto ring = Ring::make(kEntries);
    if (!ring) return fail(ring.error());
    auto buffers = Buffers::make(**ring, options.incremental, options.buffers, options.buffer_size);
    if (!buffers) return fail(buffers.error());
    return std::unique_ptr<UringDriver>(new UringDriver(std::move(*ring), std::move(*buffers)));
}

UringDriver::UringDriver(std::unique_ptr<Ring> ring, std::unique_ptr<Buffers> buffers)
    : ring_(std::move(ring)),
      buffers_(std::move(buffers)),
      wake_(::eventfd(0, EFD_CLOEXEC)),
      threads_(kThreads, [this] { wake(); }) {
    arm_wake();
}

// The kernel writes to the slots and the buffers until the last completion has come.
UringDriver::~UringDriver() {
    ring_->enter(TimePoint(), TimePoint::min());
    slots_.for_each([this](SocketId, Slot& slot) {
        if (slot.operations > 0) ring_->cancel_now(slot.fd.get());
    });
    while (operations_ > 0) {
        ring_->enter(TimePoint(), TimePoint::max());
        io_uring_cqe completion;
        while (ring_->next(completion)) {
            Slot* slot = find(SocketId::from_word(completion.user_data & ~(uint64_t{0xff} << 24)));
            if (!slot || (completion.flags & IORING_CQE_F_MORE)) continue;
            --slot->operations;
            --operations_;
        }
    }
    if (wake_armed_) ring_->cancel_now(wake_.get());
    slots_.for_each([](SocketId, Slot& slot) {
        for (const int fd : slot.accepted) ::close(fd);
    });
}

TimePoint UringDriver::now() noexcept { return TimePoint(read_clock(CLOCK_MONOTONIC)); }
WallTime UringDriver::wall_now() noexcept { return WallTime(read_clock(CLOCK_REALTIME)); }

void UringDriver::random(std::span<char> bytes) noexcept {
    while (!bytes.empty()) {
        const auto count = ::getrandom(bytes.data(), bytes.size(), 0);
        if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

void UringDriver::wake() noexcept {
    if (woken_.exchange(true, std::memory_order_seq_cst)) return;
    const uint64_t one = 1;
    [[maybe_unused]] const auto count = ::write(wake_.get(), &one, sizeof one);
}

void UringDriver::wait(TimePoint deadline) {
    flush_all();
    arm_all();
    const bool busy = !ready_[0].empty() || !ready_[1].empty() || !to_flush_.empty() || !done_.empty();
    if (!lingering_.empty()) deadline = std::min(deadline, lingering_.front().first);
    const TimePoint time = now();
    ring_->enter(time, busy ? TimePoint::min() : deadline);
    reap();
    end_lingering();
    serve_ready(Lane::native);
    finish_tasks();
}

// Asking.

// A slot's index has 24 bits beside the operation, which is plenty here.
io_uring_sqe& UringDriver::begin(Slot& slot, Operation operation, uint8_t code) {
    ++slot.operations;
    ++operations_;
    return ring_->entry(code, slot.fd.get(), slot.id.word() | uint64_t{static_cast<uint8_t>(operation)} << 24);
}

void UringDriver::arm_wake() {
    io_uring_sqe& entry =
        ring_->entry(IORING_OP_READ, wake_.get(), uint64_t{static_cast<uint8_t>(Operation::wake)} << 24);
    entry.addr = reinterpret_cast<uint64_t>(&wake_count_);
    entry.len = sizeof wake_count_;
    wake_armed_ = true;
}

// A receive that finds bytes takes buffers as soon as it is submitted, all there are if need be: who went without goes
// first, or a flood on one connection would starve the others.
void UringDriver::arm_all() {
    for (std::vector<SocketId>* list : {&to_arm_first_, &to_arm_}) {
        for (const SocketId id : std::exchange(*list, {})) {
            if (Slot* slot = find(id)) arm_input(*slot);
        }
    }
}

void UringDriver::arm_input(Slot& slot) {
    if (slot.armed || !slot.wants_input()) return;
    slot.armed = true;
    slot.fed = false;
    if (slot.listener) {
        io_uring_sqe& entry = begin(slot, Operation::accept, IORING_OP_ACCEPT);
        entry.ioprio = IORING_ACCEPT_MULTISHOT;
        entry.accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    } else {
        io_uring_sqe& entry = begin(slot, Operation::receive, IORING_OP_RECV);
        entry.ioprio = slot.hung_up ? uint16_t{0} : uint16_t{IORING_RECV_MULTISHOT};
        entry.flags = IOSQE_BUFFER_SELECT;
        watch_for_hang_up(slot);
    }
}

void UringDriver::watch_for_hang_up(Slot& slot) {
    if (std::exchange(slot.watched, true)) return;
    io_uring_sqe& entry = begin(slot, Operation::hang_up, IORING_OP_POLL_ADD);
    entry.poll32_events = POLLERR | POLLHUP;
}

void UringDriver::cancel(Slot& slot, Operation operation) {
    io_uring_sqe& entry = ring_->entry(IORING_OP_ASYNC_CANCEL, -1, 0);
    entry.addr = slot.id.word() | uint64_t{static_cast<uint8_t>(operation)} << 24;
}

void UringDriver::cancel_all(Slot& slot) {
    if (slot.operations == 0) return;
    io_uring_sqe& entry = ring_->entry(IORING_OP_ASYNC_CANCEL, slot.fd.get(), 0);
    entry.cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
}

void UringDriver::begin_send(Slot& slot) {
    while (slot.queue.front_descriptor()) slot.queue.take_descriptor();
    std::size_t count = 1;
    if (const auto* file = slot.queue.front_file()) {
        if (!prepare_file(slot, file->length)) return;
    } else {
        count = slot.queue.gather(slot.parts);
    }
    slot.message = {};
    slot.message.msg_iov = slot.parts.data();
    slot.message.msg_iovlen = count;
    io_uring_sqe& entry = begin(slot, Operation::send, IORING_OP_SENDMSG);
    entry.addr = reinterpret_cast<uint64_t>(&slot.message);
    entry.len = 1;
    entry.msg_flags = MSG_NOSIGNAL;
    slot.sending = true;
}

// Blocks on the file, which a driver for programs would not.
bool UringDriver::prepare_file(Slot& slot, uint64_t length) {
    const auto* file = slot.queue.front_file();
    slot.file_part.resize(static_cast<std::size_t>(std::min<uint64_t>(length, kFilePart)));
    const auto count =
        ::pread(file->file->get(), slot.file_part.data(), slot.file_part.size(), static_cast<off_t>(file->offset));
    if (count <= 0) {
        const Error error(Errc::end_of_stream, "send a file: it has become shorter");
        end(slot, &error);
        return false;
    }
    slot.parts[0] = {slot.file_part.data(), static_cast<std::size_t>(count)};
    return true;
}

void UringDriver::flush_all() {
    for (const SocketId id : std::exchange(to_flush_, {})) {
        Slot* slot = find(id);
        if (!slot) continue;
        slot->to_flush = false;
        flush(*slot);
    }
}

void UringDriver::flush(Slot& slot) {
    if (slot.sending || slot.phase == Phase::connecting || slot.phase == Phase::ended || slot.failed) return;
    if (!slot.queue.empty()) {
        begin_send(slot);
    } else {
        behind_queue(slot);
    }
}

// Does what was ordered behind the queue.
void UringDriver::behind_queue(Slot& slot) {
    if (!slot.shut || slot.end_sent) return;
    slot.end_sent = true;
    ::shutdown(slot.fd.get(), SHUT_WR);
    if (slot.phase == Phase::closing) {
        slot.closed_due = true;
        mark_ready(slot);
    } else if (slot.end_told) {
        end(slot, nullptr);
    }
}

// Completing.

void UringDriver::reap() {
    io_uring_cqe completion;
    while (ring_->next(completion)) {
        const auto operation = static_cast<Operation>((completion.user_data >> 24) & 0xff);
        if (operation == Operation::none) continue;
        if (operation == Operation::wake) {
            woken_.store(false, std::memory_order_seq_cst);
            threads_.take_done(done_);
            arm_wake();
            continue;
        }
        // A slot stays until its operations have ended, so this finds it.
        Slot& slot = *find(SocketId::from_word(completion.user_data & ~(uint64_t{0xff} << 24)));
        if (!(completion.flags & IORING_CQE_F_MORE)) {
            --slot.operations;
            --operations_;
        }
        completed(slot, operation, completion);
        if (slot.phase != Phase::ended || slot.operations > 0) continue;
        if (slot.listener) {
            erase(slot);
        } else {
            slot.closed_due = true;
            mark_ready(slot);
        }
    }
}

void UringDriver::completed(Slot& slot, Operation operation, const io_uring_cqe& completion) {
    switch (operation) {
        case Operation::accept: accepted(slot, completion); break;
        case Operation::connect: connect_completed(slot, completion.res); break;
        case Operation::receive: received(slot, completion); break;
        case Operation::hang_up: hung_up(slot); break;
        case Operation::send: sent(slot, completion.res); break;
        default: break;
    }
}

void UringDriver::accepted(Slot& slot, const io_uring_cqe& completion) {
    if (completion.res >= 0) {
        if (slot.phase == Phase::ended) {
            ::close(completion.res);
        } else {
            slot.accepted.push_back(completion.res);
        }
    }
    if (!(completion.flags & IORING_CQE_F_MORE)) {
        slot.armed = false;
        to_arm_.push_back(slot.id);
    }
    mark_ready(slot);
}

void UringDriver::connect_completed(Slot& slot, int result) {
    if (slot.phase != Phase::connecting) return;
    if (result < 0) {
        const Error error = Error::from_errno(-result, "connect to " + slot.peer.to_string());
        end(slot, &error);
        return;
    }
    slot.phase = Phase::open;
    slot.connected_due = true;
    mark_ready(slot);
    queue_for_flush(slot);
    to_arm_.push_back(slot.id);
}

void UringDriver::received(Slot& slot, const io_uring_cqe& completion) {
    const int result = completion.res;
    if (!(completion.flags & IORING_CQE_F_MORE)) {
        slot.armed = false;
        (slot.fed || result != -ENOBUFS ? to_arm_ : to_arm_first_).push_back(slot.id);
    }
    if (completion.flags & IORING_CQE_F_BUFFER) {
        const Buffers::Piece piece = buffers_->take(completion);
        slot.fed = true;
        if (slot.phase == Phase::open && !piece.bytes.empty()) {
            slot.pieces.push_back(piece);
        } else {
            buffers_->release(piece);
        }
    }
    if (slot.phase == Phase::ended) return;
    if (result == 0) {
        slot.end_came = true;
    } else if (result < 0 && result != -ENOBUFS && result != -ECANCELED && result != -EINTR) {
        slot.failed = true;
        if (!slot.error) slot.error = Error::from_errno(-result, "receive from " + slot.peer.to_string());
    }
    if (slot.paused && slot.phase == Phase::open) {
        // Nobody wants it now: keep what has come out of the shared buffers, and stop more from coming.
        hold(slot);
        if (slot.armed && result > 0) cancel(slot, Operation::receive);
    }
    if (slot.phase == Phase::lingering && (slot.end_came || slot.failed)) {
        end(slot, nullptr);
    } else {
        mark_ready(slot);
    }
}

void UringDriver::hung_up(Slot& slot) {
    slot.hung_up = true;
    if (slot.phase != Phase::ended && slot.armed) cancel(slot, Operation::receive);
}

void UringDriver::sent(Slot& slot, int result) {
    slot.sending = false;
    if (slot.phase == Phase::ended) {
        slot.queue.clear();
        return;
    }
    if (result < 0) {
        if (result == -EINTR || result == -EAGAIN) {
            queue_for_flush(slot);
            return;
        }
        slot.queue.clear();
        const Error error = Error::from_errno(-result, "send to " + slot.peer.to_string());
        end(slot, &error);
        return;
    }
    slot.queue.consume(static_cast<uint64_t>(result));
    if (slot.above_low && slot.queue.size() <= slot.low_mark) {
        slot.above_low = false;
        slot.drained_due = true;
        mark_ready(slot);
    }
    queue_for_flush(slot);
}

void UringDriver::end_lingering() {
    while (!lingering_.empty() && (lingering_.front().first <= now() || !find(lingering_.front().second))) {
        Slot* slot = find(lingering_.front().second);
        lingering_.pop_front();
        if (slot && slot->phase == Phase::lingering) end(*slot, nullptr);
    }
}

// Telling.

void UringDriver::serve_ready(Lane lane) {
    for (const SocketId id : std::exchange(ready_[lane == Lane::second ? 1 : 0], {})) {
        Slot* slot = find(id);
        if (!slot) continue;
        slot->ready = false;
        if (slot->lane != lane) {
            mark_ready(*slot);
        } else if (slot->listener) {
            serve_listener(id);
        } else {
            serve_stream(id);
        }
    }
}

void UringDriver::serve_listener(SocketId id) {
    for (Slot* slot = find(id); slot && !slot->paused && !slot->accepted.empty(); slot = find(id)) {
        Descriptor fd(slot->accepted.front());
        slot->accepted.pop_front();
        Slot& connection = add(std::move(fd), false);
        const SocketId made = connection.id;
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        auto* native = reinterpret_cast<sockaddr*>(&storage);
        // Multishot accept tells no address, and who has reset the connection meanwhile has none any more.
        if (::getpeername(connection.fd.get(), native, &length) == 0) {
            connection.peer = Address::from_native(native, length);
        }
        find(id)->accept_sink->accepted(made, Address(connection.peer));
        Slot* after = find(made);
        if (after && !after->sink) erase(*after);
    }
}

// What a callback makes due is told by a later wait: closed() is looked at first.
void UringDriver::serve_stream(SocketId id) {
    Slot* slot = find(id);
    if (slot->closed_due) {
        tell_closed(*slot);
        return;
    }
    if (!slot->sink) return;
    if (std::exchange(slot->connected_due, false) && slot->phase == Phase::open) slot->sink->connected();
    slot = find(id);
    if (slot && std::exchange(slot->drained_due, false) && slot->phase == Phase::open) slot->sink->drained();
    const Lane lane = slot ? slot->lane : Lane::native;
    while (deliver(id, lane)) {
    }
    slot = find(id);
    if (!slot || slot->phase == Phase::ended || slot->lane != lane) return;
    if (slot->failed && (slot->phase != Phase::open || (slot->pieces.empty() && slot->held.empty()))) {
        const Error error = *slot->error;
        end(*slot, &error);
        return;
    }
    const bool empty = slot->pieces.empty() && slot->held.empty();
    if (slot->phase != Phase::open || slot->paused || !empty || !slot->end_came || slot->end_told) return;
    slot->end_told = true;
    slot->sink->end_received();
    slot = find(id);
    if (slot && slot->phase == Phase::open && slot->end_sent) end(*slot, nullptr);
}

// One piece, to a sink of this lane; returns whether there may be another.
bool UringDriver::deliver(SocketId id, Lane lane) {
    Slot* slot = find(id);
    if (!slot || !slot->sink || slot->lane != lane || slot->phase != Phase::open || slot->paused) return false;
    if (slot->held.empty() && slot->pieces.empty()) return false;
    if (slot->asked_for) {
        if (!deliver_asked(*slot)) return false;
    } else if (!slot->held.empty()) {
        const std::string bytes = std::exchange(slot->held, {});
        slot->sink->data_received(bytes);
    } else {
        const Buffers::Piece piece = slot->pieces.front();
        slot->pieces.pop_front();
        slot->sink->data_received(piece.bytes);
        buffers_->release(piece);
    }
    slot = find(id);
    if (slot && slot->paused) hold(*slot);
    return slot != nullptr;
}

// Copies into the sink's memory what is held, or of the first piece.
bool UringDriver::deliver_asked(Slot& slot) {
    const SocketId id = slot.id;
    const std::span<char> room = slot.sink->get_buffer();
    if (find(id) != &slot || slot.phase != Phase::open || slot.paused || !slot.asked_for) return false;
    if (room.empty()) {
        slot.paused = true;
        hold(slot);
        return false;
    }
    std::size_t count = 0;
    if (!slot.held.empty()) {
        count = slot.held.copy(room.data(), room.size());
        slot.held.erase(0, count);
    } else {
        Buffers::Piece& piece = slot.pieces.front();
        count = piece.bytes.copy(room.data(), room.size());
        piece.bytes.remove_prefix(count);
        if (piece.bytes.empty()) {
            buffers_->release(piece);
            slot.pieces.pop_front();
        }
    }
    slot.sink->data_received({room.data(), count});
    return true;
}

void UringDriver::hold(Slot& slot) {
    for (const Buffers::Piece& piece : slot.pieces) slot.held.append(piece.bytes);
    release_pieces(slot);
}

void UringDriver::release_pieces(Slot& slot) {
    for (const Buffers::Piece& piece : slot.pieces) buffers_->release(piece);
    slot.pieces.clear();
}

// Cancels what is in flight; closed() is told when all of it has come back.
void UringDriver::end(Slot& slot, const Error* error) {
    if (slot.phase == Phase::ended) return;
    slot.phase = Phase::ended;
    slot.error.reset();
    if (error) slot.error = *error;
    release_pieces(slot);
    slot.held.clear();
    if (!slot.sending) slot.queue.clear();
    cancel_all(slot);
    if (slot.operations > 0) return;
    slot.closed_due = true;
    mark_ready(slot);
}

// The slot is there while closed() runs, so that it can be asked for its addresses.
void UringDriver::tell_closed(Slot& slot) {
    const SocketId id = slot.id;
    Sink* sink = std::exchange(slot.sink, nullptr);
    const std::optional<Error> error = slot.error;
    slot.closed_due = false;
    slot.lane = Lane::native;  // what is left to do calls nobody
    const bool last = slot.phase == Phase::ended;
    if (!last && (slot.end_came || slot.failed)) {
        end(slot, nullptr);
    } else if (!last) {
        slot.phase = Phase::lingering;
        lingering_.emplace_back(now() + kLinger, id);
        to_arm_.push_back(id);
    }
    if (sink) sink->closed(error ? &*error : nullptr);
    Slot* after = find(id);
    if (last && after) erase(*after);
}

void UringDriver::finish_tasks() {
    while (ThreadTask* task = done_.pop_front()) task->done();
}

}  // namespace bine::seam
