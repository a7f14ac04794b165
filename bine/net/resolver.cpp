#include "bine/net/resolver.h"

#include "bine/reactor/thread.h"

namespace bine {

Deferred<std::vector<Address>> Resolver::resolve(std::string host, uint16_t port, Address::Family family) {
    const auto address = Address::try_parse_ip(host, port);
    if (!address) return look_up(std::move(host), port, family);
    if (family == Address::Family::none || family == address->family()) {
        return ready(std::vector<Address>{*address});
    }
    const char* const wanted = family == Address::Family::ipv6 ? "IPv6" : "IPv4";
    return failed(Errc::not_found, "look up \"" + host + "\": it is no " + wanted + " address");
}

Deferred<std::vector<Address>> SystemResolver::look_up(std::string host, uint16_t port, Address::Family family) {
    return defer_to_thread(reactor_, [&driver = reactor_.driver(), host = std::move(host), port, family] {
        std::vector<Address> addresses;
        const auto add = [&](const Address& address) { addresses.push_back(address.with_port(port)); };
        if (Result<> found = driver.look_up(host, family, add); !found) throw std::move(found.error());
        return addresses;
    });
}

Deferred<std::vector<Address>> resolve(Reactor& reactor, std::string host, uint16_t port, Address::Family family) {
    return SystemResolver(reactor).resolve(std::move(host), port, family);
}

}  // namespace bine
