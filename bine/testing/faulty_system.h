// A kernel in a bad mood: passes system calls on, and lets some of them fail or do less, as Linux may at any time and on
// a quiet machine never does. The same seed and the same calls give the same faults.
//
//     FaultySystem system(seed);
//     Reactor reactor(native_driver(system));  // bine/testing/native_driver.h
//
// What a driver must hide strikes one call in ten; what ends a connection or stops a listener has to be asked for, by
// set_rate(). One fault never strikes the same kind of call more than three times running, so whoever tries again gets on.
// What is submitted to an io_uring is struck like the call that it stands for.
// Sockets without a peer (datagrams) and counters (eventfd, timerfd) are spared what cannot happen to them. Besides, the
// events of one wait come in any order. Confined to the reactor's thread; outlives the driver.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <utility>
#include <vector>

#include "bine/driver/system_calls.h"

namespace bine::testing {

enum class Fault : uint8_t {
    try_again,       // EAGAIN from a socket that is ready; a ring that has no buffer
    interrupted,     // EINTR, waiting included
    short_read,      // fewer bytes than have come; a receive that ends behind one piece
    short_write,     // fewer bytes than there is room for, sendfile included
    spurious_event,  // a wait returns at once, with an event of a socket that is not ready
    early_hang_up,   // HUP, with or without IN, while the last bytes of a peer that has ended are still to be read
    // These are not hidden from the program, and strike only when asked for.
    no_memory,      // ENOMEM or ENOBUFS from sending and receiving: the end of that connection
    no_descriptor,  // EMFILE, ENFILE or ENOMEM from accept4 and socket
    not_watched,    // ENOSPC or ENOMEM from EPOLL_CTL_ADD: the end of that connection
};

class FaultySystem final : public SystemCalls {
public:
    explicit FaultySystem(uint64_t seed, double rate = 0.1);

    // How many of the calls that it can strike a fault strikes: 0 to 0.25.
    void set_rate(Fault fault, double rate) noexcept;
    // How many it has struck.
    uint64_t count(Fault fault) const noexcept { return tallies_[index(fault)].count; }

    int socket(int family, int type) override;
    int connect(int fd, const sockaddr* to, socklen_t length) override;
    int accept4(int fd, sockaddr* peer, socklen_t* length, int flags) override;
    ssize_t read(int fd, void* to, size_t size) override;
    ssize_t recvmsg(int fd, msghdr* message, int flags) override;
    ssize_t recvfrom(int fd, void* to, size_t size, int flags, sockaddr* peer, socklen_t* length) override;
    ssize_t writev(int fd, const iovec* parts, int count) override;
    ssize_t sendmsg(int fd, const msghdr* message, int flags) override;
    ssize_t sendto(int fd, const void* from, size_t size, int flags, const sockaddr* to, socklen_t length) override;
    ssize_t sendfile(int to, int from, off_t* at, size_t most) override;
    void submitting(io_uring_sqe& entry) override;
    int epoll_ctl(int epoll, int what, int fd, epoll_event* event) override;
    int epoll_pwait2(int epoll, epoll_event* events, int most, const timespec* limit) override;

private:
    struct Tally {
        double rate = 0;
        uint64_t count = 0;
        int running = 0;
    };
    using Watched = std::pair<int, int>;  // the epoll instance and the descriptor

    static std::size_t index(Fault fault) noexcept { return static_cast<std::size_t>(fault); }
    uint64_t draw(uint64_t most) noexcept;
    bool strikes(Fault fault) noexcept;
    int one_of(std::initializer_list<int> errors) noexcept;
    size_t less(Fault fault, size_t size) noexcept;
    std::vector<iovec> less_of(const iovec* parts, size_t count);
    bool transfer_fails() noexcept;
    bool send_fails(int fd) noexcept;
    int ring_fault(const io_uring_sqe& entry) noexcept;
    void shorten(io_uring_sqe& entry) noexcept;
    epoll_event spurious_event(int epoll) noexcept;
    void hang_up_early(int epoll, epoll_event& event) noexcept;

    uint64_t state_;
    std::array<Tally, 9> tallies_;
    std::map<Watched, epoll_event> watched_;
};

}  // namespace bine::testing
