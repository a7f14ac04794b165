// A blocking TCP connection to a port of 127.0.0.1. Failures throw.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "uring.h"
#include "workload.h"

namespace bench {

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

class Socket {
public:
    explicit Socket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (fd_ < 0) throw_errno("socket");
        const sockaddr_in address = loopback(port);
        if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw_errno("connect");
        const int one = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&&) = delete;
    ~Socket() {
        if (fd_ >= 0) close(fd_);
    }

    int get() const { return fd_; }

    void send_all(std::string_view bytes) {
        if (send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
            throw_errno("send");
    }

    std::string_view receive(std::span<char> into) {
        const ssize_t size = recv(fd_, into.data(), into.size(), 0);
        if (size < 0) throw_errno("recv");
        if (size == 0) fail("the server closed a connection");
        return {into.data(), static_cast<std::size_t>(size)};
    }

    bool is_idle() const {
        char byte;
        return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }

private:
    int fd_;
};

// The whole first answer to `request`, which has `body`. `socket`: one that nothing was said on.
template <class AnySocket>
KnownAnswer learn_answer(AnySocket& socket, std::string_view request, std::string_view body) {
    socket.send_all(request);
    std::string answer;
    std::string buffer(65536, '\0');
    for (;;) {
        answer += socket.receive(buffer);
        const std::size_t head = answer.find("\r\n\r\n");
        if (head != std::string::npos && answer.size() >= head + 4 + body.size()) return {std::move(answer), body};
    }
}

}  // namespace bench
