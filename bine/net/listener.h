// A listening socket that gives every connection a protocol: caps, shortage of descriptors, orderly end.
//
// Confined to the reactor's thread, which must outlive it. Destroying it stops the listening; connections go on. It may be
// destroyed by its own factory.
#pragma once

#include <memory>

#include "bine/base/log.h"
#include "bine/driver/driver.h"
#include "bine/net/connection.h"
#include "bine/net/protocol.h"

namespace bine {

class Listener final : private AcceptSink {
public:
    Listener(Reactor& reactor, Factory factory, const ListenerOptions& options);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    Result<> open(const Address& address, const ListenOptions& options);
    Result<> open(Descriptor listening_socket);
    // Stops; nothing happens when it has stopped already.
    void close() noexcept;

    bool is_open() const noexcept { return static_cast<bool>(socket_); }
    // With the port that the system chose.
    Address address() const { return address_; }
    std::size_t connections() const noexcept { return admission_->count(); }

private:
    class Retry;

    void accepted(SocketId id, const Address& peer) override;
    void accept_failed(const Error& error) override;
    void started(SocketId socket);
    void connection_left();

    struct SharedFactory;

    Reactor& reactor_;
    Ref<SharedFactory> factory_;
    const ListenerOptions options_;
    SocketId socket_;
    Address address_;
    Ref<Admission> admission_;
    const std::unique_ptr<Retry> retry_;  // made beforehand, as memory may be what is short
    log::Limit refused_log_;
    log::Limit shortage_log_{std::chrono::seconds(10)};
    bool waiting_for_room_ = false;
};

}  // namespace bine
