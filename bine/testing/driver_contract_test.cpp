// The drivers of the real world, against the contract of all of them.
#include "bine/testing/driver_contract.h"

#include <doctest/doctest.h>

#include <unistd.h>

#include <string>

#include "bine/driver/drivers.h"
#include "bine/testing/faulty_system.h"

namespace bine::testing {
namespace {

constexpr uint64_t kTcpSeeds = 5;
constexpr uint64_t kUnixSeeds = 10;

struct EpollWorld : DriverWorld {
    explicit EpollWorld(SystemCalls& calls = native_system_calls) : system(calls) {}
    std::unique_ptr<Driver> make_driver() override { return make_epoll_driver("a test asked for it", system); }

    bool prompt() override { return &system == &native_system_calls; }

    SystemCalls& system;
};

struct EpollUnixWorld final : EpollWorld {
    using EpollWorld::EpollWorld;
    Address listen_address() override {
        return Address::unix_path(std::string(1, '\0') + "bine-contract-" + std::to_string(::getpid()) + "-" +
                                  std::to_string(++count_));
    }
    std::size_t more_than_fits() override { return 4 << 20; }
    bool has_datagrams() override { return false; }
    bool resets() override { return false; }

private:
    int count_ = 0;
};

// Says why when this system does not let us.
bool has_uring() {
    const auto made = make_uring_driver("a test asked for it");
    if (!made) MESSAGE("SKIPPED, no io_uring here: " << made.error().text());
    return made.has_value();
}

struct UringWorld : DriverWorld {
    explicit UringWorld(const UringOptions& o = {}, SystemCalls& calls = native_system_calls)
        : options(o), system(calls) {}
    std::unique_ptr<Driver> make_driver() override {
        auto made = make_uring_driver("a test asked for it", system, options);
        if (!made) throw Error(made.error());
        return std::move(*made);
    }

    bool prompt() override { return &system == &native_system_calls; }

    UringOptions options;
    SystemCalls& system;
};

void run_all(DriverWorld& world) {
    for (const DriverCase& promise : driver_contract()) CHECK(broken_promise(promise, world) == "");
}

TEST_CASE("epoll keeps the driver contract over TCP") {
    EpollWorld world;
    run_all(world);
}

TEST_CASE("epoll keeps the driver contract over Unix sockets") {
    EpollUnixWorld world;
    run_all(world);
}

TEST_CASE("epoll keeps the driver contract over TCP when the kernel is in a bad mood") {
    for (uint64_t seed = 1; seed <= kTcpSeeds; ++seed) {
        CAPTURE(seed);
        FaultySystem system(seed);
        EpollWorld world(system);
        run_all(world);
    }
}

TEST_CASE("epoll keeps the driver contract over Unix sockets when the kernel is in a bad mood") {
    for (uint64_t seed = 1; seed <= kUnixSeeds; ++seed) {
        CAPTURE(seed);
        FaultySystem system(seed);
        EpollUnixWorld world(system);
        run_all(world);
    }
}

TEST_CASE("io_uring keeps the driver contract") {
    if (!has_uring()) return;
    UringWorld world;
    run_all(world);
}

// Bytes before a reset then take more pieces than the kernel receives in one go.
TEST_CASE("io_uring keeps the driver contract when the kernel is in a bad mood") {
    if (!has_uring()) return;
    for (uint64_t seed = 1; seed <= kTcpSeeds; ++seed) {
        CAPTURE(seed);
        FaultySystem system(seed);
        UringWorld world({}, system);
        run_all(world);
    }
}

TEST_CASE("io_uring keeps the driver contract with many small buffers") {
    if (!has_uring()) return;
    UringWorld world({.buffers = 256, .buffer_size = 1024});
    run_all(world);
}

TEST_CASE("io_uring keeps the driver contract with hardly any room") {
    if (!has_uring()) return;
    UringWorld world({.entries = 2, .completions = 4, .buffers = 2, .buffer_size = 512});
    run_all(world);
}

}  // namespace
}  // namespace bine::testing
