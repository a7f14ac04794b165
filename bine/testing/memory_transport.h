// Two transports joined in memory, with flow control: what one writes the other receives, in the next turn.
//
//     MemoryPair pair(reactor);
//     pair.start(std::make_unique<Client>(), std::make_unique<Server>());
//
// Close, half-close and abort behave as over TCP. Confined to the reactor's thread; the reactor outlives the pair.
#pragma once

#include <cstddef>
#include <memory>

#include "bine/testing/memory_connection.h"

namespace bine::testing {

class MemoryTransport final : public MemoryConnection {
public:
    ~MemoryTransport() { end_now(); }

private:
    friend class MemoryPair;
    MemoryTransport(Reactor& reactor, const Address& local, const Address& peer, std::size_t window)
        : MemoryConnection(reactor, local, peer), window_(window) {}

    void output_changed() noexcept override { call_soon(); }
    void send_output() override;
    void input_taken() noexcept override;

    const std::size_t window_;
    MemoryTransport* other_ = nullptr;  // null once the pair ends
    bool ended_ = false;
    bool reset_ = false;
};

class MemoryPair {
public:
    // `window`: how many bytes of one direction are under way before they stay queued with the writer.
    explicit MemoryPair(Reactor& reactor, std::size_t window = 65536);
    // Connections that still live end as aborted: connection_lost comes from here.
    ~MemoryPair();
    MemoryPair(const MemoryPair&) = delete;
    MemoryPair& operator=(const MemoryPair&) = delete;

    // Both connection_made come from here, the first one's first.
    void start(std::unique_ptr<Protocol> first, std::unique_ptr<Protocol> second);

    MemoryTransport& first() noexcept { return first_; }
    MemoryTransport& second() noexcept { return second_; }

private:
    MemoryTransport first_;
    MemoryTransport second_;
};

}  // namespace bine::testing
