// Which driver a benchmark server was told to run on. It runs on that or not at all, and says which it is.
#pragma once

#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "bine/net/listener.h"
#include "bine/reactor/reactor.h"

namespace bench {

inline std::optional<bine::DriverKind> find_driver(std::string_view name) {
    if (name == "epoll") return bine::DriverKind::epoll;
    if (name == "uring") return bine::DriverKind::uring;
    return std::nullopt;
}

inline void serve_with(bine::Reactor& reactor, uint16_t port, bine::Factory factory) {
    bine::Listener listener(reactor, std::move(factory), {});
    if (const auto opened = listener.open(bine::Address::loopback(port), {}); !opened) throw opened.error();
    const std::string_view name = reactor.driver_name();
    std::printf("port %d on %.*s\n", listener.address().port(), static_cast<int>(name.size()), name.data());
    std::fflush(stdout);
    reactor.run();
}

// Serves what `factory` makes on 127.0.0.1 until the process is ended. Prints "port N on DRIVER", or why it cannot.
// Returns the exit status.
inline int serve_on(uint16_t port, std::string_view driver, bine::Factory factory) {
    try {
        const auto kind = find_driver(driver);
        if (!kind) throw bine::Error(bine::Errc::invalid_argument, "no driver is called that");
        bine::Reactor reactor({.driver = *kind});
        serve_with(reactor, port, std::move(factory));
        return 0;
    } catch (const std::exception& error) {
        std::printf("not available: %s\n", error.what());
        return 1;
    }
}

}  // namespace bench
