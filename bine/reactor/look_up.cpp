// Names as the C library knows them: what every driver but a simulated one answers.
#include <netdb.h>
#include <sys/socket.h>

#include "bine/reactor/driver.h"

namespace bine {

Result<std::vector<Address>> Driver::look_up(const std::string& name, Address::Family family) {
    addrinfo hints{};
    hints.ai_family = family == Address::Family::ipv4   ? AF_INET
                      : family == Address::Family::ipv6 ? AF_INET6
                                                        : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &found)) {
        return fail(Errc::not_found, "look up \"" + name + "\": " + ::gai_strerror(error));
    }
    std::vector<Address> addresses;
    for (const addrinfo* at = found; at; at = at->ai_next) {
        addresses.push_back(Address::from_native(at->ai_addr, at->ai_addrlen));
    }
    ::freeaddrinfo(found);
    if (addresses.empty()) return fail(Errc::not_found, "look up \"" + name + "\": it has no address");
    return addresses;
}

}  // namespace bine
