#include "bine/sim/sim_driver.h"

#include <doctest/doctest.h>

#include "bine/testing/driver_contract.h"

namespace bine::sim {
namespace {

using namespace std::chrono_literals;

struct SimWorld final : testing::DriverWorld {
    explicit SimWorld(uint64_t seed, NetworkOptions options = {}) : world(seed, options) {}

    std::unique_ptr<Driver> make_driver() override { return world.make_driver(); }
    Duration settle_time() override { return 1s; }
    std::size_t more_than_fits() override { return 400'000; }
    bool native() override { return false; }

    World world;
};

// What a run of the whole contract is, in a number; every case in a world of its own.
uint64_t run_contract(uint64_t seed, const NetworkOptions& options) {
    uint64_t trace = 0;
    for (const testing::DriverCase& promise : testing::driver_contract()) {
        SimWorld world(seed, options);
        CHECK(testing::broken_promise(promise, world) == "");
        trace = trace * 31 + world.world.trace_hash();
    }
    return trace;
}

TEST_CASE("the simulated driver keeps the driver contract, whatever the seed") {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        run_contract(seed, {});
    }
}

TEST_CASE("the simulated driver keeps the driver contract in a network without latency, pieces or chance") {
    run_contract(1, {.shortest_latency = 0ns, .longest_latency = 0ns, .fragment = false});
}

TEST_CASE("the simulated driver keeps the driver contract where only a few bytes fit") {
    run_contract(1, {.longest_latency = 100us, .buffer = 1000});
}

TEST_CASE("work that is asked for while the driver ends is abandoned too") {
    struct Task final : ThreadTask {
        void work() noexcept override {}
        void done() override {}
        void abandoned() noexcept override {
            ++abandons;
            if (next) driver->run_in_thread(*std::exchange(next, nullptr));
        }
        Driver* driver = nullptr;
        ThreadTask* next = nullptr;
        int abandons = 0;
    };
    World world(1, {});
    const auto driver = world.make_driver();
    Task first, second;
    first.driver = driver.get();
    first.next = &second;
    driver->run_in_thread(first);
    driver->abort_all();
    CHECK(first.abandons == 1);
    CHECK(second.abandons == 1);
}

TEST_CASE("the same seed gives the same run, another one another") {
    const uint64_t first = run_contract(7, {});
    CHECK(run_contract(7, {}) == first);
    CHECK(run_contract(8, {}) != first);
}

}  // namespace
}  // namespace bine::sim
