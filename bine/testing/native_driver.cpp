#include "bine/testing/native_driver.h"

#include <cstdlib>

namespace bine::testing {

std::unique_ptr<Driver> native_driver(SystemCalls& system) {
    const char* wish = std::getenv("BINE_REACTOR");
    const auto kind = wish ? try_driver_kind(wish) : std::nullopt;
    return make_native_driver(kind.value_or(DriverKind::automatic), "a test asked for it", system);
}

}  // namespace bine::testing
