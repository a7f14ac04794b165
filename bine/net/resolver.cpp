#include "bine/net/resolver.h"

#include "bine/reactor/thread.h"

namespace bine {

Deferred<std::vector<Address>> resolve(Reactor& reactor, std::string host, uint16_t port, Address::Family family) {
    if (const auto address = Address::try_parse_ip(host, port)) {
        if (family == Address::Family::none || family == address->family()) {
            return ready(std::vector<Address>{*address});
        }
    }
    return defer_to_thread(reactor, [&driver = reactor.driver(), host = std::move(host), port, family] {
        auto found = driver.look_up(host, family);
        if (!found) throw std::move(found.error());
        for (Address& address : *found) address = address.with_port(port);
        return std::move(*found);
    });
}

}  // namespace bine
