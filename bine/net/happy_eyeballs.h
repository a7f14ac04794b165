// Connecting to a host that has several addresses, of which some may not answer: Happy Eyeballs, RFC 8305.
//
//     co_await within(reactor, 30s, connect_to_host(reactor, resolver, "example.org", 443, factory));
//
// The families are tried in turn, the preferred one first; a next attempt begins when the last one has failed, or has had
// its time and goes on. The first that succeeds wins and the others are given up. Confined to the reactor's thread.
#pragma once

#include <span>
#include <string>

#include "bine/async/deferred.h"
#include "bine/driver/address.h"
#include "bine/net/options.h"
#include "bine/net/protocol.h"

namespace bine {

class Reactor;
class Resolver;

struct ConnectOptions {
    ConnectOptions() noexcept = default;
    explicit ConnectOptions(const ConnectionOptions& options) noexcept : connection(options) {}

    ConnectionOptions connection{};
    Address local{};                                 // where to connect from; no address: the system chooses
    Address::Family family = Address::Family::none;  // only these; none: those that `local` can reach
    // How long an attempt is alone before the next one joins it: 10 ms to 2 s, what is outside is moved there.
    Duration attempt_delay = std::chrono::milliseconds(250);
    // How long to wait for IPv6 addresses when those of IPv4 have come before: 2 s at most.
    Duration resolution_delay = std::chrono::milliseconds(50);
};

// Ends when the protocol has had connection_made: `factory` is called once, for the attempt that wins, and what it refuses
// or throws is the result. No time limit: see within(). Dropping the Deferred gives up what is under way.
// Errors: when all attempts fail, the code of the last one, and a text that names each address and why; those of the
// resolver. `resolver` is asked before this returns, and not touched later.
Deferred<> connect_to_host(Reactor& reactor, Resolver& resolver, std::string host, uint16_t port, Factory factory,
                           ConnectOptions options = ConnectOptions());

// The same with addresses that are known, best first; they are copied.
Deferred<> connect_to_any(Reactor& reactor, std::span<const Address> addresses, Factory factory,
                          ConnectOptions options = ConnectOptions());

}  // namespace bine
