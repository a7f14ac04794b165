// Names as the C library knows them: what every driver but a simulated one answers.
#include <netdb.h>
#include <sys/socket.h>

#include "bine/driver/driver.h"

namespace bine {

Result<> Driver::look_up(const std::string& name, Address::Family family, Function<void(const Address&)> found) {
    addrinfo hints{};
    hints.ai_family = family == Address::Family::ipv4   ? AF_INET
                      : family == Address::Family::ipv6 ? AF_INET6
                                                        : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &list)) {
        return fail(Errc::not_found, "look up \"" + name + "\": " + ::gai_strerror(error));
    }
    for (const addrinfo* at = list; at; at = at->ai_next) found(Address::from_native(at->ai_addr, at->ai_addrlen));
    const bool empty = list == nullptr;
    ::freeaddrinfo(list);
    if (empty) return fail(Errc::not_found, "look up \"" + name + "\": it has no address");
    return {};
}

}  // namespace bine
