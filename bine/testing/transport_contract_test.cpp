// Every transport that can be had without another library, against the contract of all of them.
#include "bine/testing/transport_contract.h"

#include <doctest/doctest.h>

#include <optional>

#include "bine/net/connection.h"
#include "bine/net/listener.h"
#include "bine/sim/world.h"
#include "bine/testing/captured_logs.h"
#include "bine/testing/faulty_system.h"
#include "bine/testing/manual_driver.h"
#include "bine/testing/memory_transport.h"
#include "bine/testing/native_driver.h"
#include "bine/testing/temp_folder.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kSeeds = 10;

struct MemoryWorld final : TransportWorld {
    explicit MemoryWorld(std::size_t window = 65536) : pair(reactor, window) {}

    void connect(std::unique_ptr<Protocol> first, std::unique_ptr<Protocol> second) override {
        pair.start(std::move(first), std::move(second));
    }
    bool run_until(Function<bool()> holds) override { return testing::run_until(reactor, std::move(holds)); }
    void settle() override { testing::settle(reactor, 1s); }
    std::size_t more_than_fits() override { return 300'000; }

    Reactor reactor{std::make_unique<ManualDriver>()};
    MemoryPair pair;
};

// A listener and one connection to it, on one reactor.
struct SocketWorld : TransportWorld {
    SocketWorld(std::unique_ptr<Driver> driver, Address address)
        : reactor(std::move(driver)), listener(reactor, [this] { return std::move(second); }, {}) {
        const auto opened = listener.open(address, {});
        if (!opened) throw opened.error();
    }

    void connect(std::unique_ptr<Protocol> first, std::unique_ptr<Protocol> other) override {
        second = std::move(other);
        auto factory = [protocol = std::move(first)]() mutable { return std::move(protocol); };
        const auto connection = Connection::connect(reactor, listener.address(), {}, std::move(factory), nullptr, {});
        if (!connection) throw connection.error();
    }
    bool run_until(Function<bool()> holds) override { return testing::run_until(reactor, std::move(holds)); }
    void settle() override { testing::settle(reactor, 3ms); }
    std::size_t more_than_fits() override { return 24 << 20; }

    std::unique_ptr<Protocol> second;
    Reactor reactor;
    Listener listener;
};

struct TcpWorld final : SocketWorld {
    explicit TcpWorld(SystemCalls& system = native_system_calls)
        : SocketWorld(native_driver(system), Address::loopback(0)) {}
};

struct UnixWorld final : SocketWorld {
    explicit UnixWorld(const TempFolder& folder, SystemCalls& system = native_system_calls)
        : SocketWorld(native_driver(system), Address::unix_path(folder.path("socket"))) {}
    bool resets() override { return false; }
};

struct SimWorld final : TransportWorld {
    SimWorld(sim::World& world) : sockets(world.make_driver(), Address::loopback(0)) {}

    void connect(std::unique_ptr<Protocol> first, std::unique_ptr<Protocol> second) override {
        sockets.connect(std::move(first), std::move(second));
    }
    bool run_until(Function<bool()> holds) override { return sockets.run_until(std::move(holds)); }
    void settle() override { testing::settle(sockets.reactor, 1s); }
    std::size_t more_than_fits() override { return 400'000; }

    SocketWorld sockets;
};

TEST_CASE("transports in memory keep the contract") {
    const CapturedLogs quiet;
    for (const TransportCase& promise : transport_contract()) {
        MemoryWorld world;
        CHECK(broken_promise(promise, world) == "");
        MemoryWorld narrow(100);
        CHECK(broken_promise(promise, narrow) == "");
    }
}

TEST_CASE("TCP connections keep the contract") {
    const CapturedLogs quiet;
    for (const TransportCase& promise : transport_contract()) {
        TcpWorld world;
        CHECK(broken_promise(promise, world) == "");
    }
}

TEST_CASE("Unix connections keep the contract") {
    const CapturedLogs quiet;
    for (const TransportCase& promise : transport_contract()) {
        const TempFolder folder;
        UnixWorld world(folder);
        CHECK(broken_promise(promise, world) == "");
    }
}

TEST_CASE("connections keep the contract when the kernel is in a bad mood") {
    const CapturedLogs quiet;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
        CAPTURE(seed);
        for (const TransportCase& promise : transport_contract()) {
            FaultySystem system(seed, seed % 2 == 0 ? 0.1 : 0.25);
            TcpWorld over_tcp(system);
            CHECK(broken_promise(promise, over_tcp) == "");
            const TempFolder folder;
            UnixWorld over_unix(folder, system);
            CHECK(broken_promise(promise, over_unix) == "");
        }
    }
}

TEST_CASE("simulated connections keep the contract, whatever the seed") {
    const CapturedLogs quiet;
    for (uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        for (const TransportCase& promise : transport_contract()) {
            sim::World network(seed, {});
            SimWorld world(network);
            CHECK(broken_promise(promise, world) == "");
        }
    }
}

}  // namespace
}  // namespace bine::testing
