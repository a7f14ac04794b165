#include "bine/net/udp.h"

namespace bine {

UdpSocket::UdpSocket(Reactor& reactor, const Address& local, Received received, const Address& remote)
    : reactor_(reactor), received_(std::make_shared<Received>(std::move(received))) {
    const auto socket = reactor.driver().open_datagram(local, remote, *this);
    if (!socket) throw socket.error();
    socket_ = *socket;
    reactor.driver().resume(socket_);
}

UdpSocket::~UdpSocket() { reactor_.driver().close(socket_); }

Result<> UdpSocket::send_to(std::string_view bytes, const Address& to) {
    return reactor_.driver().send_datagram(socket_, bytes, to);
}

void UdpSocket::datagram_received(std::string_view bytes, const Address& from) {
    reactor_.guard("datagram_received", [&, received = received_] { (*received)(bytes, from); });
}

void UdpSocket::send_failed(const Error& error) {
    if (send_failed_) reactor_.guard("send_failed", [&, callback = send_failed_] { (*callback)(error); });
}

}  // namespace bine
