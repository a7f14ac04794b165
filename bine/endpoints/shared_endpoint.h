// One endpoint that several reactors listen at together, each in its thread (bine/reactor/workers.h).
#pragma once

#include <memory>
#include <string_view>

#include "bine/endpoints/endpoints.h"

namespace bine {

// TCP: each reactor has a socket of its own at the same port (SO_REUSEPORT), and the system deals the connections out. A port
// that another program has is refused nevertheless; port 0 is the same port for all. Unix sockets and inherited ones: all
// share one, and a connection wakes whoever waits, most often the same one while there is little to do. Standard input:
// the first reactor has it alone.
// Lifetime: outlives its Ports. Made and destroyed by one thread; listen() is for the others too, once for each index.
class SharedEndpoint {
public:
    // Listens at once, for `reactors` reactors; what comes before they do waits. Errors: those of listen().
    static Result<SharedEndpoint> open(std::string_view endpoint, std::size_t reactors, Endpoints& endpoints);

    // How many can listen: all, or the first alone.
    std::size_t reactors() const noexcept { return count_; }
    // Reactor number `index`, from 0 on, in its thread.
    Deferred<Port> listen(std::size_t index, Reactor& reactor, Factory factory,
                          const ListenerOptions& options = ListenerOptions());

private:
    SharedEndpoint(std::unique_ptr<ServerEndpoint> endpoint, std::size_t reactors);

    Result<> open_sockets();

    std::unique_ptr<ServerEndpoint> endpoint_;
    std::size_t count_;
    std::unique_ptr<Descriptor[]> sockets_;  // null: the first one listens by itself
};

}  // namespace bine
