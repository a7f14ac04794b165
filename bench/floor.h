/* What the two floors share: a listening socket, an epoll instance, and the loop over both.
 * Single-threaded; level-triggered; any failure of the set-up ends the program with a message. */
#pragma once

#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): glibc asks for it */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kMaxConnections = 65536, kReceiveBytes = 65536, kEventsPerWait = 256 };

static int epoll_fd;

static void require(int ok, const char* what) {
    if (ok) return;
    perror(what);
    exit(1);
}

static void watch(int fd, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    require(epoll_ctl(epoll_fd, operation, fd, &event) == 0, "epoll_ctl");
}

/* Listens on 127.0.0.1 and prints the port: `port` 0 takes a free one. TCP_NODELAY is inherited by what is accepted. */
static int listen_on(int port) {
    const int one = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(bind(fd, (struct sockaddr*)&address, sizeof address) == 0, "bind");
    require(listen(fd, 4096) == 0, "listen");

    socklen_t length = sizeof address;
    require(getsockname(fd, (struct sockaddr*)&address, &length) == 0, "getsockname");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
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
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    require(epoll_fd >= 0, "epoll_create1");
    const int listener = listen_on(port);
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
