#include "bine/testing/expect.h"

#include <doctest/doctest.h>

#include "bine/testing/driver_contract.h"
#include "bine/testing/manual_driver.h"
#include "bine/testing/transport_contract.h"

namespace bine::testing {
namespace {

std::string breach_of(void (*check)()) {
    try {
        check();
    } catch (const Breach& breach) {
        return breach.what();
    }
    return {};
}

TEST_CASE("what holds is silent, what does not says where and what") {
    CHECK(breach_of([] { expect(true, "fine"); }).empty());
    CHECK(breach_of([] { expect_equal(1u, 1, "fine"); }).empty());
    CHECK(breach_of([] { expect_equal(std::string("a"), "a", "fine"); }).empty());
    CHECK(breach_of([] { expect(false, "broken"); }).find("expect_test.cpp") != std::string::npos);
    CHECK(breach_of([] { expect_equal(std::size_t{3}, 4, "pieces"); }).find("pieces: 3 where 4 was wanted") !=
          std::string::npos);
    CHECK(breach_of([] { expect_equal("abcd", "abXd", "bytes"); }).find("different from byte 2") != std::string::npos);
}

TEST_CASE("patterns of one seed are the same, and a shifted one differs") {
    CHECK(pattern(100, 5) == pattern(100, 5));
    CHECK(pattern(100, 5) != pattern(100, 6));
    CHECK(pattern(100, 5).substr(1) != pattern(99, 5));
}

// A driver that keeps no promise: the contract has to notice.
TEST_CASE("the driver contract finds a driver without a network") {
    struct Nowhere final : DriverWorld {
        std::unique_ptr<Driver> make_driver() override { return std::make_unique<ManualDriver>(); }
        bool native() override { return false; }
    } world;
    std::size_t broken = 0;
    for (const DriverCase& promise : driver_contract()) broken += !broken_promise(promise, world).empty();
    CHECK(broken >= 40);
}

}  // namespace
}  // namespace bine::testing
