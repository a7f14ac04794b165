/* What all floors share: a listening socket on 127.0.0.1, the table's size, and an end with a message when the set-up fails. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kMaxConnections = 65536 };

static void require(int ok, const char* what) {
    if (ok) return;
    perror(what);
    exit(1);
}

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Prepares the process, listens and prints "port N on DRIVER": `port` 0 takes a free one. What is accepted inherits TCP_NODELAY. */
static int listen_on(int port, const char* driver) {
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
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
    printf("port %d on %s\n", ntohs(address.sin_port), driver);
    fflush(stdout);
    return fd;
}
