#include "bine/net/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include "bine/reactor/thread.h"

namespace bine {

namespace {

std::vector<Address> ask_system(const std::string& host, uint16_t port, Address::Family family) {
    addrinfo hints{};
    hints.ai_family = family == Address::Family::ipv4   ? AF_INET
                      : family == Address::Family::ipv6 ? AF_INET6
                                                        : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found)) {
        throw Error(Errc::not_found, "look up \"" + host + "\": " + ::gai_strerror(error));
    }
    std::vector<Address> addresses;
    for (const addrinfo* at = found; at; at = at->ai_next) {
        addresses.push_back(Address::from_native(at->ai_addr, at->ai_addrlen).with_port(port));
    }
    ::freeaddrinfo(found);
    if (addresses.empty()) throw Error(Errc::not_found, "look up \"" + host + "\": it has no address");
    return addresses;
}

}  // namespace

Deferred<std::vector<Address>> resolve(Reactor& reactor, std::string host, uint16_t port, Address::Family family) {
    if (const auto address = Address::try_parse_ip(host, port)) {
        if (family == Address::Family::none || family == address->family()) {
            return ready(std::vector<Address>{*address});
        }
    }
    return defer_to_thread(reactor, [host = std::move(host), port, family] { return ask_system(host, port, family); });
}

}  // namespace bine
