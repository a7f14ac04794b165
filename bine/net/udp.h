// Datagrams over UDP.
#pragma once

#include <memory>
#include <string_view>

#include "bine/base/function.h"
#include "bine/reactor/reactor.h"

namespace bine {

// An open datagram socket. Confined to the reactor's thread; destroying it closes it. Sending never blocks and never
// waits: what the system cannot take at once is lost, as datagrams may be, and the Result says so.
class UdpSocket final : private DatagramSink {
public:
    // `bytes` is valid during the call. The callback may destroy the socket.
    using Received = Function<void(std::string_view bytes, const Address& from)>;
    // What went wrong with an earlier send: mostly that nobody listens there (ICMP). Told only for connected sockets. The
    // callback may destroy the socket.
    using SendFailed = Function<void(const Error&)>;

    // Throws Error. `local` with port 0 gets a port from the system; a `remote` other than no address makes that the only
    // one heard and the default to send to.
    UdpSocket(Reactor& reactor, const Address& local, Received received, const Address& remote = {});
    ~UdpSocket();
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    Result<> send_to(std::string_view bytes, const Address& to);
    Result<> send(std::string_view bytes) { return send_to(bytes, Address()); }
    void on_send_failed(SendFailed callback) { send_failed_ = std::make_shared<SendFailed>(std::move(callback)); }

    void pause_reading() noexcept { reactor_.driver().pause(socket_); }
    void resume_reading() noexcept { reactor_.driver().resume(socket_); }
    Address local_address() const { return reactor_.driver().local_address(socket_); }

private:
    void datagram_received(std::string_view bytes, const Address& from) override;
    void send_failed(const Error& error) override;

    Reactor& reactor_;
    std::shared_ptr<Received> received_;
    std::shared_ptr<SendFailed> send_failed_;
    SocketId socket_;
};

}  // namespace bine
