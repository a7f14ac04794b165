// The io_uring driver: what a reactor asks for. Nothing here talks to the ring but the end of a listener.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "bine/reactor/socket.h"
#include "uring_slot.h"

namespace bine::seam {

namespace {

std::unexpected<Error> streams_only() { return fail(Errc::unsupported, "this driver has streams only"); }

}  // namespace

UringDriver::Slot* UringDriver::find(SocketId id) const noexcept { return slots_.find(id); }

UringDriver::Slot* UringDriver::find_stream(SocketId id) const noexcept {
    Slot* slot = find(id);
    return slot && !slot->listener && slot->phase != Phase::ended ? slot : nullptr;
}

UringDriver::Slot& UringDriver::add(Descriptor fd, bool listener) {
    auto [id, slot] = slots_.emplace(std::move(fd));
    slot->id = id;
    slot->listener = listener;
    if (!listener) ++streams_;
    return *slot;
}

// Only when nothing of it is in flight.
void UringDriver::erase(Slot& slot) {
    if (!slot.listener) --streams_;
    release_pieces(slot);
    slots_.erase(slot.id);
}

void UringDriver::mark_ready(Slot& slot) {
    if (slot.ready || !slot.has_news()) return;
    slot.ready = true;
    ready_[slot.lane == Lane::second ? 1 : 0].push_back(slot.id);
}

void UringDriver::queue_for_flush(Slot& slot) {
    if (slot.to_flush) return;
    slot.to_flush = true;
    to_flush_.push_back(slot.id);
}

Result<SocketId> UringDriver::listen(const Address& address, const ListenOptions& options, AcceptSink& sink) {
    auto fd = socket::listen(address, options);
    if (!fd) return fail(fd.error());
    return adopt_listener(std::move(*fd), sink);
}

Result<SocketId> UringDriver::adopt_listener(Descriptor socket, AcceptSink& sink) {
    Slot& slot = add(std::move(socket), true);
    slot.accept_sink = &sink;
    return slot.id;
}

Result<SocketId> UringDriver::connect(const Address& remote, const Address& local, Sink& sink, Lane lane) {
    sockaddr_storage storage{};
    auto* native = reinterpret_cast<sockaddr*>(&storage);
    const unsigned length = remote.to_native(native);
    Descriptor fd(::socket(native->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return fail(Error::from_errno(errno, "make a socket"));
    sockaddr_storage from{};
    const unsigned from_length = local.to_native(reinterpret_cast<sockaddr*>(&from));
    if (from_length > 0 && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&from), from_length) != 0) {
        return fail(Error::from_errno(errno, "bind to " + local.to_string()));
    }
    if (remote.is_ip()) socket::set_no_delay(fd.get(), true);
    Slot& slot = add(std::move(fd), false);
    slot.phase = Phase::connecting;
    slot.peer = remote;
    slot.sink = &sink;
    slot.lane = lane;
    slot.remote = storage;
    io_uring_sqe& entry = begin(slot, Operation::connect, IORING_OP_CONNECT);
    entry.addr = reinterpret_cast<uint64_t>(&slot.remote);
    entry.off = length;
    return slot.id;
}

Result<SocketId> UringDriver::adopt(Descriptor, Descriptor) { return streams_only(); }

void UringDriver::set_sink(SocketId id, Sink& sink, Lane lane, bool asked_for) noexcept {
    Slot* slot = find_stream(id);
    if (!slot || slot->phase == Phase::lingering) return;
    slot->sink = &sink;
    slot->lane = lane;
    slot->asked_for = asked_for;
    to_arm_.push_back(id);
    mark_ready(*slot);
}

// A receive that is in flight stays so until bytes come that nobody wants: a short pause costs nothing.
void UringDriver::pause(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot || slot->paused) return;
    slot->paused = true;
    if (slot->listener && slot->armed) cancel(*slot, Operation::accept);
}

void UringDriver::resume(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot || slot->phase == Phase::ended) return;
    slot->paused = false;
    to_arm_.push_back(id);
    mark_ready(*slot);
}

void UringDriver::send(SocketId id, std::string_view bytes, Lifetime lifetime) {
    Output output;
    if (lifetime == Lifetime::fixed) {
        output.append_fixed(bytes);
    } else {
        output.append(bytes);
    }
    send(id, std::move(output));
}

void UringDriver::send(SocketId id, Output&& output) {
    Output taken = std::move(output);
    Slot* slot = find_stream(id);
    if (!slot || !slot->takes_bytes() || slot->failed) return;
    slot->queue.append(std::move(taken));
    if (slot->queue.size() > slot->low_mark) slot->above_low = true;
    queue_for_flush(*slot);
}

uint64_t UringDriver::queued(SocketId id) const noexcept {
    const Slot* slot = find_stream(id);
    return slot ? slot->queue.size() : 0;
}

void UringDriver::set_low_mark(SocketId id, uint32_t bytes) noexcept {
    if (Slot* slot = find_stream(id)) slot->low_mark = bytes;
}

void UringDriver::shutdown(SocketId id) noexcept {
    Slot* slot = find_stream(id);
    if (!slot || !slot->takes_bytes()) return;
    slot->shut = true;
    queue_for_flush(*slot);
}

void UringDriver::close(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot || slot->phase == Phase::ended) return;
    if (slot->listener) {
        // An accept in flight keeps the socket listening, whoever closes the descriptor: it has to end first.
        if (slot->operations > 0) ring_->cancel_now(slot->fd.get());
        slot->fd.reset();
        slot->phase = Phase::ended;
        slot->paused = true;
        for (const int fd : std::exchange(slot->accepted, {})) ::close(fd);
        if (slot->operations == 0) erase(*slot);
    } else if (!slot->sink && slot->phase == Phase::open) {
        erase(*slot);
    } else if (slot->phase == Phase::connecting) {
        end(*slot, nullptr);
    } else if (slot->phase == Phase::open) {
        slot->phase = Phase::closing;
        slot->shut = true;
        release_pieces(*slot);
        slot->held.clear();
        to_arm_.push_back(id);
        queue_for_flush(*slot);
        if (slot->end_sent) slot->closed_due = true;
        mark_ready(*slot);
    }
}

void UringDriver::abort(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot || slot->phase >= Phase::lingering) return;
    if (slot->listener) {
        close(id);
        return;
    }
    socket::set_reset_on_close(slot->fd.get());
    if (slot->sink) {
        end(*slot, nullptr);
    } else {
        erase(*slot);
    }
}

void UringDriver::abort_all() noexcept {
    slots_.for_each([this](SocketId id, Slot& slot) {
        if (slot.phase == Phase::lingering) {
            end(slot, nullptr);
        } else {
            abort(id);
        }
    });
    threads_.end();
    while (ThreadTask* task = done_.pop_front()) task->abandoned();
}

Address UringDriver::local_address(SocketId id) const {
    const Slot* slot = find(id);
    return slot && slot->fd ? socket::local_address(slot->fd.get()) : Address();
}

Address UringDriver::peer_address(SocketId id) const {
    const Slot* slot = find(id);
    return slot ? slot->peer : Address();
}

void UringDriver::set_no_delay(SocketId id, bool on) noexcept {
    if (const Slot* slot = find_stream(id)) socket::set_no_delay(slot->fd.get(), on);
}

void UringDriver::set_keep_alive(SocketId id, bool on) noexcept {
    if (const Slot* slot = find_stream(id)) socket::set_keep_alive(slot->fd.get(), on);
}

Result<SocketId> UringDriver::open_datagram(const Address&, const Address&, DatagramSink&) { return streams_only(); }
Result<> UringDriver::send_datagram(SocketId, std::string_view, const Address&) { return streams_only(); }
Result<SocketId> UringDriver::watch(int, bool, bool, WatchSink&, Lane) { return streams_only(); }
Result<> UringDriver::rewatch(SocketId, bool, bool) { return streams_only(); }

}  // namespace bine::seam
