// The driver of the real world for tests: run with BINE_REACTOR=epoll and without it, a test sees both.
#pragma once

#include "bine/driver/drivers.h"

namespace bine::testing {

// What BINE_REACTOR asks for; io_uring where the system has it when it says nothing. `system` must outlive it.
std::unique_ptr<Driver> native_driver(SystemCalls& system = native_system_calls);

}  // namespace bine::testing
