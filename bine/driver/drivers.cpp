#include "bine/driver/drivers.h"

#include <atomic>

#include "bine/base/log.h"

namespace bine {

namespace {

// Says once a process why it is not the faster one; programs that start up with a word about themselves say it there.
std::unique_ptr<Driver> make_best(SystemCalls& system) {
    auto made = make_uring_driver("the fastest that this system has", system);
    if (made) return std::move(*made);
    static std::atomic<bool> said = false;
    const std::string& why = made.error().text();
    if (!said.exchange(true)) log::debug("reactor", "no io_uring here, epoll drives the loop", {{"why", why}});
    return make_epoll_driver("no io_uring here: " + why, system);
}

}  // namespace

std::unique_ptr<Driver> make_native_driver(DriverKind kind, const std::string& reason, SystemCalls& system) {
    if (kind == DriverKind::automatic) return make_best(system);
    if (kind == DriverKind::epoll) return make_epoll_driver(reason, system);
    auto made = make_uring_driver(reason, system);
    if (!made) throw made.error().with_context("run on io_uring");
    return std::move(*made);
}

std::optional<DriverKind> try_driver_kind(std::string_view name) noexcept {
    if (name == "auto") return DriverKind::automatic;
    if (name == "epoll") return DriverKind::epoll;
    if (name == "uring") return DriverKind::uring;
    return {};
}

}  // namespace bine
