// The system calls under the native drivers that may fail or do less than they were asked for: the second seam. This class
// is the C library; what overrides it says what the kernel does (bine/testing/faulty_system.h). The names, the arguments
// and errno are the manual pages'. Called from the thread of the reactor only.
#pragma once

#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct io_uring_sqe;

namespace bine {

class SystemCalls {
public:
    virtual ~SystemCalls() = default;

    virtual int socket(int family, int type) { return ::socket(family, type, 0); }
    virtual int connect(int fd, const sockaddr* to, socklen_t length) { return ::connect(fd, to, length); }
    virtual int accept4(int fd, sockaddr* peer, socklen_t* length, int flags) {
        return ::accept4(fd, peer, length, flags);
    }
    virtual int getsockopt(int fd, int level, int option, void* value, socklen_t* length) {
        return ::getsockopt(fd, level, option, value, length);
    }

    virtual ssize_t read(int fd, void* to, size_t size) { return ::read(fd, to, size); }
    virtual ssize_t recvmsg(int fd, msghdr* message, int flags) { return ::recvmsg(fd, message, flags); }
    // Without an address it is recv().
    virtual ssize_t recvfrom(int fd, void* to, size_t size, int flags, sockaddr* peer, socklen_t* length) {
        return ::recvfrom(fd, to, size, flags, peer, length);
    }

    virtual ssize_t writev(int fd, const iovec* parts, int count) { return ::writev(fd, parts, count); }
    virtual ssize_t sendmsg(int fd, const msghdr* message, int flags) { return ::sendmsg(fd, message, flags); }
    // Without an address it is send().
    virtual ssize_t sendto(int fd, const void* from, size_t size, int flags, const sockaddr* to, socklen_t length) {
        return ::sendto(fd, from, size, flags, to, length);
    }
    virtual ssize_t sendfile(int to, int from, off_t* at, size_t most) { return ::sendfile(to, from, at, most); }

    // An entry that io_uring_enter(2) is about to submit.
    virtual void submitting(io_uring_sqe&) {}

    virtual int epoll_ctl(int epoll, int what, int fd, epoll_event* event) {
        return ::epoll_ctl(epoll, what, fd, event);
    }
    virtual int epoll_pwait2(int epoll, epoll_event* events, int most, const timespec* limit) {
        return ::epoll_pwait2(epoll, events, most, limit, nullptr);
    }
};

inline constinit SystemCalls native_system_calls;

}  // namespace bine
