// The drivers there are, by name.
#pragma once

#include <memory>
#include <string>

#include "bine/reactor/driver.h"

namespace bine {

// `reason` is what Driver::info() answers. Throws Error when the system has no epoll instance or eventfd left.
std::unique_ptr<Driver> make_epoll_driver(std::string reason);

}  // namespace bine
