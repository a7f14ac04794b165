// The transport contract: what every Transport must do, as cases that run over any pair of connected ones.
//
//     for (const TransportCase& promise : transport_contract()) {
//         MyWorld world;
//         CHECK(broken_promise(promise, world) == "");
//     }
//
// A world is good for one case.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "bine/base/function.h"
#include "bine/net/protocol.h"
#include "bine/reactor/reactor.h"

namespace bine::testing {

class TransportWorld {
public:
    virtual ~TransportWorld() = default;

    // Connects two protocols; both have had connection_made when it returns, or during the next run_until().
    virtual void connect(std::unique_ptr<Protocol> first, std::unique_ptr<Protocol> second) = 0;
    // Runs the loop until `holds` does. False when that takes far too long.
    virtual bool run_until(Function<bool()> holds) = 0;
    // Runs the loop until all that is under way has arrived.
    virtual void settle() = 0;

    // More than all buffers between the two hold.
    virtual std::size_t more_than_fits() = 0;
    // Whether the other side of an abort() sees a reset, and no end.
    virtual bool resets() { return true; }
};

struct TransportCase {
    const char* name;
    void (*run)(TransportWorld& world);  // throws a Breach
};

std::span<const TransportCase> transport_contract();

// Runs one: nothing when it holds, its name and what is wrong otherwise.
std::string broken_promise(const TransportCase& promise, TransportWorld& world);

// run_until() and settle() for a world that is one reactor on real or virtual time.
bool run_until(Reactor& reactor, Function<bool()> holds);
void settle(Reactor& reactor, Duration time);

}  // namespace bine::testing
