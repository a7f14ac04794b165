// Connecting to a service wherever it is offered: SRV records, RFC 2782.
//
//     names::add_endpoints(endpoints, resolver);
//     co_await connect(reactor, "srv:_xmpp-client._tcp.example.org", factory, {}, endpoints);
#pragma once

#include <string>

#include "bine/net/happy_eyeballs.h"

namespace bine {
class Endpoints;
}

namespace bine::names {

class Resolver;

// Tries the places of `service` one after the other, each as connect_to_host() does, all but the last for 10 s at most.
// `factory` is called once, and what it refuses or throws is the result. No time limit on the whole: see within(). Dropping
// the Deferred gives up what is under way. Errors: those of Resolver::services(), or a text that names each place and why.
// Lifetime: `resolver` outlives it.
Deferred<> connect_to_service(Reactor& reactor, Resolver& resolver, std::string service, Factory factory,
                              ConnectOptions options = ConnectOptions());

// Lets all clients of `endpoints` that are made from now on ask `resolver`, and adds one:
//     srv:SERVICE[:timeout=SECONDS]           srv:_imaps._tcp.example.org
// Lifetime: `resolver` outlives `endpoints`, and what is being connected.
void add_endpoints(Endpoints& endpoints, Resolver& resolver);

}  // namespace bine::names
