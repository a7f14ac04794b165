// A resolver that asks name servers itself, without a thread, and remembers what they said.
//
//     names::Resolver resolver(reactor);
//     auto addresses = co_await resolver.resolve("example.org", 443);
//     auto services = co_await resolver.services("_xmpp-client._tcp.example.org");
//
// The hosts file, search domains, servers and their order are the system's, unless ResolverOptions say otherwise. What the
// system's own resolver can do and name servers cannot - names under .local, machines without a server to ask, simulated
// worlds - is asked of that one. IP literals, localhost, and what is never to be asked of servers (.invalid, .onion) are
// answered here (RFC 6761).
//
// One question for each name and type is under way, whoever asks; what nobody waits for any more is given up. Confined to
// the reactor's thread. Lifetime: the reactor outlives it; what it was asked for ends cancelled with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bine/base/ref.h"
#include "bine/names/options.h"
#include "bine/names/record.h"
#include "bine/net/resolver.h"

namespace bine::names {

class Inquiry;

class Resolver final : public bine::Resolver {
public:
    explicit Resolver(Reactor& reactor, ResolverOptions options = ResolverOptions());
    ~Resolver() override;
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    bool asks_families_apart() const noexcept override;

    // All but resolve() ask for the name as it stands, without search domains. Errors, for resolve() too: not_found, when
    // there is no such name (NXDOMAIN) or no such record, invalid_argument for what is no name; timed_out, remote_protocol,
    // EAGAIN of the system's and others when no server gave an answer: the text names each with its reason.

    // Where a service is offered, in the order in which to try (RFC 2782: by chance among equals). Errors: besides, not_found
    // when the service is said not to be offered.
    Deferred<std::vector<Service>> services(std::string name);
    // TXT records; the strings of each are put together.
    Deferred<std::vector<std::string>> texts(std::string name);
    // The names that an IP address has (PTR).
    Deferred<std::vector<std::string>> names_of(Address address);

    // Questions that were put to servers, repetitions too.
    uint64_t questions() const noexcept;
    // Answers that are kept.
    std::size_t kept() const noexcept;
    void forget() noexcept;

private:
    Deferred<std::vector<Address>> look_up(std::string host, uint16_t port, Address::Family family) override;

    const Ref<Inquiry> inquiry_;
};

}  // namespace bine::names
