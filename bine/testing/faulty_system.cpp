#include "bine/testing/faulty_system.h"

#include <linux/io_uring.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace bine::testing {

namespace {

constexpr double kMostRate = 0.25;
constexpr int kMostRunning = 3;

bool is_stream(int fd) noexcept {
    int type = SOCK_STREAM;  // a pipe is one too
    socklen_t length = sizeof type;
    ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
    return type == SOCK_STREAM;
}

bool is_socket(int fd) noexcept {
    int type = 0;
    socklen_t length = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}

bool peer_has_ended(int fd) noexcept {
    pollfd entry{fd, POLLRDHUP, 0};
    return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLRDHUP);
}

}  // namespace

FaultySystem::FaultySystem(uint64_t seed, double rate) : state_(seed) {
    for (const Fault hidden : {Fault::try_again, Fault::interrupted, Fault::short_read, Fault::short_write,
                               Fault::spurious_event, Fault::early_hang_up}) {
        set_rate(hidden, rate);
    }
}

void FaultySystem::set_rate(Fault fault, double rate) noexcept {
    tallies_[index(fault)].rate = std::clamp(rate, 0.0, kMostRate);
}

// splitmix64, so that a seed means the same everywhere: a number below `most`.
uint64_t FaultySystem::draw(uint64_t most) noexcept {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return (mixed ^ (mixed >> 31)) % most;
}

bool FaultySystem::strikes(Fault fault) noexcept {
    constexpr uint64_t kSteps = 1'000'000;
    Tally& tally = tallies_[index(fault)];
    const bool struck = static_cast<double>(draw(kSteps)) < tally.rate * double{kSteps} && tally.running < kMostRunning;
    tally.running = struck ? tally.running + 1 : 0;
    if (struck) ++tally.count;
    return struck;
}

// Sets errno: the value of a call that failed.
int FaultySystem::one_of(std::initializer_list<int> errors) noexcept {
    errno = errors.begin()[draw(errors.size())];
    return -1;
}

size_t FaultySystem::less(Fault fault, size_t size) noexcept {
    if (size < 2 || !strikes(fault)) return size;
    // Often next to nothing, as parsers like that least.
    return 1 + static_cast<size_t>(draw(draw(2) == 0 ? std::min<size_t>(size - 1, 16) : size - 1));
}

std::vector<iovec> FaultySystem::less_of(const iovec* parts, size_t count) {
    std::vector<iovec> kept(parts, parts + count);
    size_t all = 0;
    for (const iovec& part : kept) all += part.iov_len;
    size_t left = less(Fault::short_write, all);
    for (iovec& part : kept) {
        part.iov_len = std::min(part.iov_len, left);
        left -= part.iov_len;
    }
    return kept;
}

bool FaultySystem::transfer_fails() noexcept {
    if (strikes(Fault::try_again)) return one_of({EAGAIN}) < 0;
    if (strikes(Fault::interrupted)) return one_of({EINTR}) < 0;
    if (strikes(Fault::no_memory)) return one_of({ENOMEM, ENOBUFS}) < 0;
    return false;
}

// A datagram that cannot be sent at once is lost, and its sender told: a driver hides nothing there.
bool FaultySystem::send_fails(int fd) noexcept {
    if (is_stream(fd)) return transfer_fails();
    return strikes(Fault::no_memory) && one_of({ENOMEM, ENOBUFS}) < 0;
}

int FaultySystem::socket(int family, int type) {
    if (strikes(Fault::no_descriptor)) return one_of({EMFILE, ENFILE, ENOMEM});
    return SystemCalls::socket(family, type);
}

int FaultySystem::connect(int fd, const sockaddr* to, socklen_t length) {
    const int result = SystemCalls::connect(fd, to, length);
    if (result < 0 && errno == EINPROGRESS && strikes(Fault::interrupted)) errno = EINTR;  // it goes on all the same
    return result;
}

int FaultySystem::accept4(int fd, sockaddr* peer, socklen_t* length, int flags) {
    if (strikes(Fault::no_descriptor)) return one_of({EMFILE, ENFILE, ENOMEM});
    if (strikes(Fault::try_again)) return one_of({EAGAIN});
    if (strikes(Fault::interrupted)) return one_of({EINTR});
    return SystemCalls::accept4(fd, peer, length, flags);
}

ssize_t FaultySystem::read(int fd, void* to, size_t size) {
    const bool counter = size == sizeof(uint64_t);
    if (counter) return SystemCalls::read(fd, to, size);
    if (transfer_fails()) return -1;
    return SystemCalls::read(fd, to, less(Fault::short_read, size));
}

ssize_t FaultySystem::recvmsg(int fd, msghdr* message, int flags) {
    if (transfer_fails()) return -1;
    iovec& first = message->msg_iov[0];
    if (message->msg_iovlen == 1 && is_stream(fd)) first.iov_len = less(Fault::short_read, first.iov_len);
    return SystemCalls::recvmsg(fd, message, flags);
}

ssize_t FaultySystem::recvfrom(int fd, void* to, size_t size, int flags, sockaddr* peer, socklen_t* length) {
    if (transfer_fails()) return -1;
    if (is_stream(fd)) size = less(Fault::short_read, size);
    return SystemCalls::recvfrom(fd, to, size, flags, peer, length);
}

ssize_t FaultySystem::writev(int fd, const iovec* parts, int count) {
    if (send_fails(fd)) return -1;
    const auto kept = less_of(parts, static_cast<size_t>(count));
    return SystemCalls::writev(fd, kept.data(), count);
}

ssize_t FaultySystem::sendmsg(int fd, const msghdr* message, int flags) {
    if (send_fails(fd)) return -1;
    msghdr shortened = *message;
    auto kept = less_of(message->msg_iov, message->msg_iovlen);
    shortened.msg_iov = kept.data();
    return SystemCalls::sendmsg(fd, &shortened, flags);
}

ssize_t FaultySystem::sendto(int fd, const void* from, size_t size, int flags, const sockaddr* to, socklen_t length) {
    if (send_fails(fd)) return -1;
    if (is_stream(fd)) size = less(Fault::short_write, size);
    return SystemCalls::sendto(fd, from, size, flags, to, length);
}

ssize_t FaultySystem::sendfile(int to, int from, off_t* at, size_t most) {
    if (send_fails(to)) return -1;
    return SystemCalls::sendfile(to, from, at, less(Fault::short_write, most));
}

// What the operation will end with instead of being done; 0 when it is.
int FaultySystem::ring_fault(const io_uring_sqe& entry) noexcept {
    switch (entry.opcode) {
        case IORING_OP_SEND:
        case IORING_OP_SENDMSG: return transfer_fails() ? -errno : 0;
        case IORING_OP_RECV:
            if (strikes(Fault::try_again)) return -ENOBUFS;
            if (strikes(Fault::interrupted)) return -EINTR;
            return strikes(Fault::no_memory) ? -ENOMEM : 0;
        case IORING_OP_ACCEPT:
            if (strikes(Fault::no_descriptor)) return one_of({EMFILE, ENFILE, ENOMEM}), -errno;
            if (strikes(Fault::try_again)) return -EAGAIN;
            return strikes(Fault::interrupted) ? -EINTR : 0;
        default: return 0;
    }
}

void FaultySystem::shorten(io_uring_sqe& entry) noexcept {
    if (entry.opcode == IORING_OP_SEND) {
        entry.flags = 0;  // the driver hears of what did not leave
        entry.len = static_cast<uint32_t>(less(Fault::short_write, entry.len));
    } else if (entry.opcode == IORING_OP_SENDMSG) {
        entry.flags = 0;
        auto& message =
            *reinterpret_cast<msghdr*>(entry.addr);  // NOLINT(performance-no-int-to-ptr): as the kernel has it
        const auto kept = less_of(message.msg_iov, message.msg_iovlen);
        std::copy(kept.begin(), kept.end(), message.msg_iov);
    }
    if (entry.opcode == IORING_OP_ACCEPT) entry.ioprio = 0;  // one each, so that each can be struck
    if (entry.opcode == IORING_OP_RECV && entry.ioprio != 0 && strikes(Fault::short_read)) {
        entry.ioprio = 0;
        entry.len = 1 + static_cast<uint32_t>(draw(draw(2) == 0 ? 16 : 65536));
    }
}

// A ring does nothing, with any result, when it is asked to.
void FaultySystem::submitting(io_uring_sqe& entry) {
    constexpr uint32_t kInjectResult = 1;  // IORING_NOP_INJECT_RESULT, Linux 6.10
    const int result = ring_fault(entry);
    if (result == 0) return shorten(entry);
    const uint64_t tag = entry.user_data;
    entry = {};
    entry.opcode = IORING_OP_NOP;
    entry.user_data = tag;
    entry.rw_flags = kInjectResult;
    entry.len = static_cast<uint32_t>(result);
}

int FaultySystem::epoll_ctl(int epoll, int what, int fd, epoll_event* event) {
    if (what == EPOLL_CTL_ADD && is_socket(fd) && strikes(Fault::not_watched)) return one_of({ENOSPC, ENOMEM});
    const int result = SystemCalls::epoll_ctl(epoll, what, fd, event);
    if (what == EPOLL_CTL_DEL) {
        watched_.erase({epoll, fd});
    } else if (result == 0) {
        watched_[{epoll, fd}] = *event;
    }
    return result;
}

int FaultySystem::epoll_pwait2(int epoll, epoll_event* events, int most, const timespec* limit) {
    if (strikes(Fault::interrupted)) return one_of({EINTR});
    const epoll_event spurious = most > 1 ? spurious_event(epoll) : epoll_event{};
    const timespec now{};
    const bool added = spurious.events != 0;
    int count = SystemCalls::epoll_pwait2(epoll, events, added ? most - 1 : most, added ? &now : limit);
    if (count < 0) return count;
    for (int i = 0; i < count; ++i) hang_up_early(epoll, events[i]);
    const bool told = std::any_of(events, events + count, [&](auto& e) { return e.data.u64 == spurious.data.u64; });
    if (added && !told) events[count++] = spurious;
    for (int i = count; i > 1; --i) std::swap(events[i - 1], events[draw(static_cast<uint64_t>(i))]);
    return count;
}

// An event of some socket, or none. Not of one that connects: Linux never calls that writable before it is.
epoll_event FaultySystem::spurious_event(int epoll) noexcept {
    const auto first = watched_.lower_bound({epoll, 0});
    const auto last = watched_.lower_bound({epoll + 1, 0});
    if (first == last) return {};
    const auto chosen = std::next(first, static_cast<long>(draw(static_cast<uint64_t>(std::distance(first, last)))));
    const bool possible = (chosen->second.events & EPOLLIN) && is_socket(chosen->first.second);
    return possible && strikes(Fault::spurious_event) ? chosen->second : epoll_event{};
}

void FaultySystem::hang_up_early(int epoll, epoll_event& event) noexcept {
    if (!(event.events & EPOLLIN)) return;
    const auto found = std::find_if(watched_.begin(), watched_.end(), [&](const auto& entry) {
        return entry.first.first == epoll && entry.second.data.u64 == event.data.u64;
    });
    if (found == watched_.end() || !peer_has_ended(found->first.second) || !strikes(Fault::early_hang_up)) return;
    event.events |= EPOLLHUP | EPOLLRDHUP;
    if (draw(2) == 0) event.events &= ~uint32_t{EPOLLIN};
}

}  // namespace bine::testing
