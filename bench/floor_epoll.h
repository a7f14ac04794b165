/* One epoll loop, level-triggered, for the floors on epoll. Single-threaded. */
#pragma once

#include <sys/epoll.h>

#include "floor.h"

enum { kReceiveBytes = 65536, kEventsPerWait = 256 };

static int epoll_fd;

static void watch(int fd, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    require(epoll_ctl(epoll_fd, operation, fd, &event) == 0, "epoll_ctl");
}

static void accept_all(int listener) {
    for (;;) {
        const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        if (fd < kMaxConnections) {
            watch(fd, EPOLL_CTL_ADD, EPOLLIN);
        } else {
            close(fd);
        }
    }
}

/* Serves for ever: `readable` and `writable` are called with the descriptor that is so. */
static void serve(int port, void (*readable)(int fd), void (*writable)(int fd)) {
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    require(epoll_fd >= 0, "epoll_create1");
    const int listener = listen_on(port, "epoll");
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);

    struct epoll_event events[kEventsPerWait];
    for (;;) {
        const int count = epoll_wait(epoll_fd, events, kEventsPerWait, -1);
        require(count >= 0 || errno == EINTR, "epoll_wait");
        for (int i = 0; i < count; ++i) {
            const int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(listener);
            } else if (events[i].events & EPOLLOUT) {
                writable(fd);
            } else {
                readable(fd);
            }
        }
    }
}
