// The Driver contract on io_uring, with each kind of receive buffers.
#include "uring_driver.h"

#include <doctest/doctest.h>

#include "bine/testing/driver_contract.h"

namespace bine::seam {
namespace {

struct UringWorld final : testing::DriverWorld {
    explicit UringWorld(const UringOptions& o) : options(o) {}

    std::unique_ptr<Driver> make_driver() override {
        auto made = UringDriver::make(options);
        if (!made) throw made.error();
        return std::move(*made);
    }
    bool has_datagrams() override { return false; }

    UringOptions options;
};

// Says why when this system does not let us.
bool is_possible(const UringOptions& options) {
    const auto made = UringDriver::make(options);
    if (!made) MESSAGE("SKIPPED, no io_uring here: " << made.error().text());
    return made.has_value();
}

void run_contract(const UringOptions& options) {
    if (!is_possible(options)) return;
    UringWorld world(options);
    for (const testing::DriverCase& promise : testing::driver_contract()) {
        CHECK(testing::broken_promise(promise, world) == "");
    }
}

TEST_CASE("io_uring with incremental buffers keeps the driver contract") { run_contract({}); }

// Small ones, and many: bytes before a reset then take more pieces than the kernel receives in one go.
TEST_CASE("io_uring with small plain buffers keeps the driver contract") {
    run_contract({.incremental = false, .buffers = 256, .buffer_size = 1024});
}

TEST_CASE("io_uring with hardly any buffers keeps the driver contract") {
    run_contract({.incremental = false, .buffers = 2, .buffer_size = 512});
}

}  // namespace
}  // namespace bine::seam
