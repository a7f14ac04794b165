// From host names to addresses.
//
// Whoever connects by name is given a Resolver; who is given none asks the system's. There is another one, that asks name
// servers itself and remembers what they said, in bine/names/resolver.h. Confined to one reactor's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/driver/address.h"

namespace bine {

class Reactor;

// Lifetime: outlives what it was asked for, or else that ends cancelled.
class Resolver {
public:
    virtual ~Resolver() = default;

    // The addresses of `host` with `port`, in the order in which to try them (RFC 6724); at least one. All are of `family`, if
    // one is given. IP literals are answered at once and nobody is asked. Dropping the Deferred gives the question up.
    // Errors: not_found, when there is no such name, or no such address of it; any other code: asking again may help.
    Deferred<std::vector<Address>> resolve(std::string host, uint16_t port,
                                           Address::Family family = Address::Family::none);

    // The families are two questions: who wants both asks for each, and need not wait for the later answer.
    virtual bool asks_families_apart() const noexcept { return false; }

protected:
    Resolver() = default;
    Resolver(const Resolver&) = default;
    Resolver& operator=(const Resolver&) = default;

private:
    // The same for a `host` that is no IP literal.
    virtual Deferred<std::vector<Address>> look_up(std::string host, uint16_t port, Address::Family family) = 0;
};

// The system's: what the C library answers, asked in the thread pool; in simulation, the names of the world. It may be
// destroyed while it is asked.
class SystemResolver final : public Resolver {
public:
    explicit SystemResolver(Reactor& reactor) noexcept : reactor_(reactor) {}

private:
    Deferred<std::vector<Address>> look_up(std::string host, uint16_t port, Address::Family family) override;

    Reactor& reactor_;
};

// Asks the system's.
Deferred<std::vector<Address>> resolve(Reactor& reactor, std::string host, uint16_t port,
                                       Address::Family family = Address::Family::none);

}  // namespace bine
