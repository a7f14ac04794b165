// The epoll driver's stream sockets: receiving, sending, ending. The theory is in epoll_driver.h.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bine/driver/epoll_slot.h"
#include "bine/driver/socket.h"

namespace bine {

namespace {

constexpr Duration kLinger = std::chrono::seconds(5);
constexpr std::size_t kWorthSendingAtOnce = 16384;
constexpr uint64_t kSentPerTurn = 1u << 20;
constexpr std::size_t kParts = 64;
constexpr std::size_t kDescriptorsPerMessage = 253;  // SCM_MAX_FD

}  // namespace

EpollDriver::Slot* EpollDriver::find_stream(SocketId id) const noexcept {
    Slot* slot = find(id);
    return slot && slot->kind == Kind::stream ? slot : nullptr;
}

Result<SocketId> EpollDriver::connect(const Address& remote, const Address& local, Sink& sink, Lane lane) {
    auto made = socket::connect(remote, local, system_);
    if (!made) return fail(made.error());
    auto [id, slot] = add(Kind::stream, std::move(made->descriptor));
    slot->sink = &sink;
    slot->lane = lane;
    slot->peer = remote;
    slot->phase = Phase::connecting;
    slot->passes_descriptors = remote.family() == Address::Family::local;
    if (made->failed != 0) {
        break_off(*slot, made->failed, "connect to ");
    } else {
        refresh_interest(*slot);
    }
    return id;
}

Result<SocketId> EpollDriver::adopt(Descriptor input, Descriptor output) {
    const bool pair = output && output.get() != input.get();
    auto [id, slot] = add(Kind::stream, std::move(input));
    if (pair) slot->output = std::move(output);
    else [[maybe_unused]] const int same = output.release();
    slot->adopted = true;
    slot->socket = !pair && socket::is_socket(slot->input.get());
    slot->input_blocked = socket::set_non_blocking(slot->input.get());
    slot->output_blocked = pair && socket::set_non_blocking(slot->output.get());
    if (slot->socket) {
        slot->peer = socket::peer_address(slot->input.get());
        slot->passes_descriptors = !slot->peer.is_ip();
    }
    return id;
}

Descriptor EpollDriver::release(SocketId id) {
    Slot* slot = find_stream(id);
    if (!slot || slot->phase != Phase::open || !slot->queue.empty()) return Descriptor();
    leave_epoll(*slot);
    Descriptor released = std::move(slot->input);
    erase(*slot);
    return released;
}

void EpollDriver::attach(SocketId id, Sink& sink, Lane lane) noexcept { set_sink(id, sink, lane, false); }

void EpollDriver::set_sink(SocketId id, Sink& sink, Lane lane, bool asked_for) noexcept {
    Slot* slot = find_stream(id);
    if (!slot) return;
    slot->sink = &sink;
    slot->lane = lane;
    slot->asked_for = asked_for;
    ListHook<NoticeTag>& notice = *slot;
    if (notice.linked()) {
        notice.unlink();
        notify(*slot);
    }
}

void EpollDriver::pause(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot) return;
    slot->paused = true;
    if (slot->kind == Kind::listener) refresh_interest(*slot);
}

void EpollDriver::resume(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot || !slot->paused || slot->phase == Phase::ended) return;
    slot->paused = false;
    refresh_interest(*slot);
}

void EpollDriver::stream_ready(Slot& slot, uint32_t events) {
    if (slot.phase == Phase::ended) return;
    if (slot.phase == Phase::connecting) {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) connect_finished(slot);
        return;
    }
    const bool broken = events & (EPOLLERR | EPOLLHUP);
    if (slot.blocked && (broken || (events & EPOLLOUT))) queue_for_flush(slot);
    if (!(events & EPOLLIN) && !broken) return;
    if (slot.discards()) {
        discard(slot);
    } else if (slot.reads()) {
        receive(slot);
    } else if (broken) {
        hung_up(slot, events);
    } else if (slot.registered.value_or(0) & EPOLLIN) {
        const uint32_t output = slot.blocked && !slot.output ? uint32_t{EPOLLOUT} : 0;
        apply(slot.input.get(), slot.id.word(), slot.registered, output);
    }
}

void EpollDriver::connect_finished(Slot& slot) {
    if (const int error = socket::take_error(slot.input.get(), system_)) return break_off(slot, error, "connect to ");
    slot.phase = Phase::open;
    if (!slot.queue.empty() || slot.shut) queue_for_flush(slot);
    refresh_interest(slot);
    slot.sink->connected();
}

void EpollDriver::receive(Slot& slot) {
    std::span<char> buffer = shared_buffer();
    if (slot.asked_for) {
        const SocketId id = slot.id;
        buffer = slot.sink->get_buffer();
        if (find(id) != &slot || !slot.reads()) return;
        if (buffer.empty()) {
            slot.paused = true;
            return;
        }
    }
    const long count = read_some(slot, buffer);
    if (count > 0) {
        slot.sink->data_received({buffer.data(), static_cast<std::size_t>(count)});
    } else if (count == 0) {
        input_ended(slot);
    } else if (errno != EAGAIN && errno != EINTR) {
        const int error = slot.write_error != 0 ? slot.write_error : errno;
        break_off(slot, error, "receive from ");
    }
}

void EpollDriver::input_ended(Slot& slot) {
    slot.ended_there = true;
    if (slot.write_error != 0) return break_off(slot, slot.write_error, "send to ");
    Sink* sink = slot.sink;
    if (slot.shut_down) {
        end(slot, std::nullopt);
    } else {
        refresh_interest(slot);
    }
    sink->end_received();
}

long EpollDriver::read_some(Slot& slot, std::span<char> buffer) {
    const int fd = slot.input.get();
    if (slot.passes_descriptors) return read_with_descriptors(slot, buffer);
    if (slot.socket) return system_.recvfrom(fd, buffer.data(), buffer.size(), 0, nullptr, nullptr);
    const long count = system_.read(fd, buffer.data(), buffer.size());
    return count < 0 && errno == EIO ? 0 : count;  // a terminal whose other side has gone
}

long EpollDriver::read_with_descriptors(Slot& slot, std::span<char> buffer) {
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsPerMessage * sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const long count = system_.recvmsg(slot.input.get(), &message, MSG_CMSG_CLOEXEC);
    const int error = errno;
    if (count < 0) return count;
    std::vector<Descriptor> came;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < fds; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            came.emplace_back(fd);
        }
    }
    const SocketId id = slot.id;
    const auto receives = [&] { return find(id) == &slot && slot.phase == Phase::open; };
    for (Descriptor& descriptor : came) {
        if (receives()) slot.sink->descriptor_received(std::move(descriptor));
    }
    errno = error;
    return receives() ? count : (errno = EAGAIN, -1);
}

// Reads what nobody wants any more, until the other side ends.
void EpollDriver::discard(Slot& slot) noexcept {
    const std::span<char> buffer = shared_buffer();
    const long count = system_.recvfrom(slot.input.get(), buffer.data(), buffer.size(), 0, nullptr, nullptr);
    if (count > 0) slot.finishing = false;
    if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))) return;
    if (slot.phase == Phase::lingering && !slot.closed_due) {
        erase(slot);
    } else if (slot.phase == Phase::lingering) {
        slot.phase = Phase::ended;
        close_descriptors(slot);
    } else if (count == 0) {
        slot.ended_there = true;
        refresh_interest(slot);
    } else {
        break_off(slot, errno, "send to ");
    }
}

// The kernel says that it is over while nobody reads: a reset is reported, an end waits. A write that failed has taken
// the error of the socket with it.
void EpollDriver::hung_up(Slot& slot, uint32_t events) noexcept {
    if (slot.write_error != 0) return break_off(slot, slot.write_error, "send to ");
    const int error = (events & EPOLLERR) && slot.socket ? socket::take_error(slot.input.get(), system_) : 0;
    if (error != 0) {
        break_off(slot, error, "receive from ");
    } else if (slot.output && (events & EPOLLERR)) {
        write_failed(slot, EPIPE);
    } else {
        stop_watching(slot.input.get(), slot.registered);
    }
}

void EpollDriver::send(SocketId id, std::string_view bytes, Lifetime lifetime) {
    Slot* slot = find_stream(id);
    if (!slot || !slot->may_queue() || bytes.empty()) return;
    if (bytes.size() >= kWorthSendingAtOnce && slot->queue.empty() && !slot->departing && slot->phase == Phase::open &&
        slot->write_error == 0) {
        const long count = send_at_once(*slot, bytes);
        if (count < 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(count));
        if (bytes.empty()) return;
    }
    if (lifetime == Lifetime::fixed) {
        slot->queue.append_fixed(bytes);
    } else {
        slot->queue.append(bytes);
    }
    queue_for_flush(*slot);
}

// How many bytes left; -1 when the connection cannot send any more.
long EpollDriver::send_at_once(Slot& slot, std::string_view bytes) noexcept {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    const long count = send_memory(slot, {&part, 1}, false);
    if (count >= 0) return count;
    if (errno == EAGAIN || errno == EINTR) return 0;
    write_failed(slot, errno);
    return -1;
}

void EpollDriver::send(SocketId id, Output&& output) {
    Slot* slot = find_stream(id);
    if (!slot || !slot->may_queue()) return output.clear();
    if (output.empty()) return;
    slot->queue.append(std::move(output));
    queue_for_flush(*slot);
}

void EpollDriver::queue_for_flush(Slot& slot) noexcept {
    if (slot.queue.size() > slot.low_mark) slot.above_low = true;
    ListHook<FlushTag>& hook = slot;
    if (!hook.linked()) to_flush_.push_back(slot);
}

void EpollDriver::flush_all() noexcept {
    IntrusiveList<Slot, FlushTag> now;
    now.splice_back(to_flush_);
    while (Slot* slot = now.pop_front()) {
        if (slot->phase != Phase::connecting) flush(*slot);
    }
}

void EpollDriver::flush(Slot& slot) noexcept try {
    if (slot.write_error != 0 || slot.phase == Phase::ended) return;
    const bool was_blocked = slot.blocked;
    slot.blocked = false;
    uint64_t sent = 0;
    while (!slot.queue.empty()) {
        const long count = send_front(slot);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EAGAIN) return write_failed(slot, errno);
        if (count < 0) {
            slot.blocked =
                slot.queue.size() > 0;  // NOLINT(readability-container-size-empty): descriptors alone do not leave
            break;
        }
        slot.queue.consume(static_cast<uint64_t>(count));
        sent += static_cast<uint64_t>(count);
        if (sent >= kSentPerTurn && !slot.queue.empty()) {
            to_flush_.push_back(slot);
            break;
        }
    }
    after_flush(slot);
    // Of an open stream, sending changes the interest only where it meets a full buffer, or meets it no longer.
    const bool the_same = slot.phase == Phase::open && slot.blocked == was_blocked;
    if (!the_same && slot.phase != Phase::ended) refresh_interest(slot);
} catch (const std::bad_alloc&) {
    write_failed(slot, ENOMEM);
}

// Sends from the front of the queue: bytes sent, or -1 and errno.
long EpollDriver::send_front(Slot& slot) {
    while (slot.queue.front_descriptor()) {
        if (!slot.passes_descriptors) {
            errno = EOPNOTSUPP;
            return -1;
        }
        if (!slot.departing) slot.departing = std::make_unique<std::vector<Descriptor>>();
        slot.departing->push_back(slot.queue.take_descriptor());
    }
    if (slot.queue.front_file()) return send_file(slot);
    iovec parts[kParts];
    const std::size_t count = slot.queue.gather(parts);
    if (count == 0) {
        errno = EAGAIN;  // a descriptor waits for the byte that it goes with
        return -1;
    }
    uint64_t gathered = 0;
    for (std::size_t i = 0; i < count; ++i) gathered += parts[i].iov_len;
    // An end that follows at once leaves in the same segment.
    return send_memory(slot, {parts, count}, gathered < slot.queue.size() || slot.shut);
}

long EpollDriver::send_file(Slot& slot) noexcept {
    const Output::FileRange& range = *slot.queue.front_file();
    auto offset = static_cast<off_t>(range.offset);
    const std::size_t most = std::min<uint64_t>(range.length, kSentPerTurn);
    const long count = system_.sendfile(slot.output_fd(), range.file->get(), &offset, most);
    if (count != 0) return count;
    errno = ENODATA;  // the file has become shorter: what was promised cannot be sent
    return -1;
}

long EpollDriver::send_memory(Slot& slot, std::span<iovec> parts, bool more) noexcept {
    const int fd = slot.output_fd();
    const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    if (!slot.socket) return system_.writev(fd, parts.data(), static_cast<int>(parts.size()));
    if (!slot.departing && parts.size() == 1)
        return system_.sendto(fd, parts[0].iov_base, parts[0].iov_len, flags, nullptr, 0);

    const std::size_t departing = slot.departing ? slot.departing->size() : 0;
    if (departing > kDescriptorsPerMessage) {
        parts = parts.first(1);
        parts[0].iov_len = 1;  // leaves bytes for the others to go with
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsPerMessage * sizeof(int))];
    const std::size_t passed = std::min(departing, kDescriptorsPerMessage);
    if (passed > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(passed * sizeof(int));
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(passed * sizeof(int));
        for (std::size_t i = 0; i < passed; ++i) {
            const int passing = (*slot.departing)[i].get();
            std::memcpy(CMSG_DATA(header) + i * sizeof passing, &passing, sizeof passing);
        }
    }
    const long count = system_.sendmsg(fd, &message, flags);
    if (count > 0 && passed == departing) slot.departing.reset();
    if (count > 0 && slot.departing)
        slot.departing->erase(slot.departing->begin(), slot.departing->begin() + static_cast<long>(passed));
    return count;
}

void EpollDriver::after_flush(Slot& slot) noexcept {
    if (slot.above_low && slot.queue.size() <= slot.low_mark) {
        slot.above_low = false;
        slot.drained_due = true;
        notify(slot);
    }
    if (slot.queue.size() == 0) queue_emptied(slot);  // NOLINT(readability-container-size-empty)
}

// Does what was ordered behind the queue.
void EpollDriver::queue_emptied(Slot& slot) noexcept {
    if (!slot.shut || slot.shut_down || slot.phase == Phase::connecting) return;
    if (slot.phase == Phase::closing && slot.ends_at_once()) return end(slot, std::nullopt);
    slot.shut_down = true;
    if (slot.socket) {
        ::shutdown(slot.input.get(), SHUT_WR);
    } else if (slot.output) {
        leave_epoll(slot);
        slot.output.reset();
    }
    if (slot.phase == Phase::closing) {
        slot.phase = Phase::lingering;
        slot.lingers_until = now() + kLinger;
        lingering_.push_back(slot);
        slot.closed_due = true;
        notify(slot);
    } else if (slot.ended_there) {
        end(slot, std::nullopt);
    }
}

// What can still be read is read first: the other side's last words often say why it reset us. Until then the queue
// stays, and grows, so that whoever writes without end is stopped by backpressure.
void EpollDriver::write_failed(Slot& slot, int error) noexcept {
    slot.blocked = false;
    slot.write_error = error;
    const bool gone = error == EPIPE || error == ECONNRESET;
    if (gone && slot.reads() && !slot.output) return refresh_interest(slot);
    if (slot.socket) socket::set_reset_on_close(slot.input.get());
    break_off(slot, error, "send to ");
}

void EpollDriver::break_off(Slot& slot, int error, const char* what) noexcept {
    end(slot, socket::error_of(error, what, slot.peer));
}

void EpollDriver::shutdown(SocketId id) noexcept {
    Slot* slot = find_stream(id);
    if (!slot || !slot->may_queue()) return;
    slot->shut = true;
    queue_for_flush(*slot);
}

void EpollDriver::close(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot) return;
    if (slot->kind != Kind::stream || !slot->sink) {
        if (slot->kind != Kind::stream || slot->phase == Phase::open) erase(*slot);
        return;
    }
    if (slot->phase == Phase::connecting || slot->write_error != 0) {
        slot->write_error != 0 ? break_off(*slot, slot->write_error, "send to ") : end(*slot, std::nullopt);
    } else if (slot->phase == Phase::open) {
        slot->phase = Phase::closing;
        slot->shut = true;
        const bool over = slot->shut_down;
        slot->shut_down = false;
        if (over) slot->queue.clear();
        queue_for_flush(*slot);
    }
}

void EpollDriver::finish(SocketId id) noexcept {
    close(id);
    Slot* slot = find_stream(id);
    if (slot && slot->phase == Phase::closing) slot->finishing = true;
}

void EpollDriver::end_plainly(SocketId id) noexcept {
    if (Slot* slot = find_stream(id)) slot->plain = true;
}

void EpollDriver::abort(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot || slot->phase == Phase::ended) return;
    if (slot->kind != Kind::stream) return erase(*slot);
    if (slot->socket && !slot->plain) socket::set_reset_on_close(slot->input.get());
    if (slot->sink) {
        end(*slot, std::nullopt);
    } else if (slot->phase == Phase::open) {
        erase(*slot);
    }
}

void EpollDriver::abort_all() noexcept {
    slots_.for_each([this](SocketId id, Slot& slot) {
        if (slot.phase == Phase::lingering && !slot.closed_due) {
            erase(slot);
        } else {
            abort(id);
        }
    });
    while (ThreadTask* task = done_tasks_.pop_front()) task->abandoned();
    threads_.end();
}

void EpollDriver::end(Slot& slot, std::optional<Error> error) noexcept {
    if (slot.phase == Phase::ended) return;
    const bool told = slot.phase == Phase::lingering;
    slot.phase = Phase::ended;
    if (!told && error) {
        slot.failed = true;
        slot.error.reset(new (std::nothrow) Error(std::move(*error)));
    }
    static_cast<ListHook<FlushTag>&>(slot).unlink();
    slot.queue.clear();
    slot.departing.reset();
    close_descriptors(slot);
    slot.closed_due = true;
    notify(slot);
}

void EpollDriver::notify(Slot& slot) noexcept {
    ListHook<NoticeTag>& hook = slot;
    if (!hook.linked()) notices_[slot.lane == Lane::second ? 1 : 0].pending.push_back(slot);
}

void EpollDriver::deliver_notices(Lane lane) {
    Notices& notices = notices_[lane == Lane::second ? 1 : 0];
    notices.running.splice_back(notices.pending);
    while (Slot* slot = notices.running.pop_front()) {
        const SocketId id = slot->id;
        const bool drained = slot->drained_due;
        slot->drained_due = false;
        if (drained && slot->phase <= Phase::open) slot->sink->drained();
        if (find(id) != slot || !slot->closed_due) continue;
        slot->closed_due = false;
        Sink* sink = std::exchange(slot->sink, nullptr);
        const Error error = slot->error ? std::move(*slot->error) : Error::out_of_memory();
        // The slot is still there while closed() runs, so that it can be asked for its addresses.
        if (sink) sink->closed(slot->failed ? &error : nullptr);
        if (find(id) == slot && slot->phase == Phase::ended) erase(*slot);
    }
}

void EpollDriver::end_lingering(TimePoint now) noexcept {
    while (!lingering_.empty() && lingering_.front()->lingers_until <= now) {
        Slot* slot = lingering_.pop_front();
        if (slot->phase == Phase::lingering) erase(*slot);
    }
}

void EpollDriver::flush(SocketId id) noexcept {
    Slot* slot = find_stream(id);
    if (!slot || slot->phase == Phase::connecting || slot->queue.empty()) return;
    static_cast<ListHook<FlushTag>&>(*slot).unlink();
    flush(*slot);
}

uint64_t EpollDriver::queued(SocketId id) const noexcept {
    const Slot* slot = find_stream(id);
    return slot ? slot->queue.size() : 0;
}

void EpollDriver::set_low_mark(SocketId id, uint32_t bytes) noexcept {
    Slot* slot = find_stream(id);
    if (!slot) return;
    slot->low_mark = bytes;
    if (slot->queue.size() > bytes) slot->above_low = true;
}

Address EpollDriver::local_address(SocketId id) const {
    const Slot* slot = find(id);
    return slot && slot->input ? socket::local_address(slot->input.get()) : Address();
}

Address EpollDriver::peer_address(SocketId id) const {
    const Slot* slot = find(id);
    return slot && slot->kind != Kind::listener ? slot->peer : Address();
}

int EpollDriver::descriptor(SocketId id) const noexcept {
    const Slot* slot = find(id);
    return slot && slot->input ? slot->input.get() : -1;
}

void EpollDriver::set_no_delay(SocketId id, bool on) noexcept {
    const Slot* slot = find_stream(id);
    if (slot && slot->input) socket::set_no_delay(slot->input.get(), on);
}

void EpollDriver::set_keep_alive(SocketId id, bool on) noexcept {
    const Slot* slot = find_stream(id);
    if (slot && slot->input) socket::set_keep_alive(slot->input.get(), on);
}

}  // namespace bine
