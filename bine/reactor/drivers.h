// The drivers there are, by name.
#pragma once

#include <memory>
#include <string>

#include "bine/reactor/driver.h"
#include "bine/reactor/system_calls.h"

namespace bine {

// `reason` is what Driver::info() answers. Throws Error when the system has no epoll instance or eventfd left.
// `system` must outlive it.
std::unique_ptr<Driver> make_epoll_driver(std::string reason, SystemCalls& system = native_system_calls);

}  // namespace bine
