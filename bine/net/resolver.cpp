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
        std::vector<Address> addresses;
        const auto add = [&](const Address& address) { addresses.push_back(address.with_port(port)); };
        if (Result<> found = driver.look_up(host, family, add); !found) throw std::move(found.error());
        return addresses;
    });
}

}  // namespace bine
