// The drivers there are, by name.
#pragma once

#include <memory>
#include <string>

#include "bine/base/result.h"
#include "bine/driver/driver.h"
#include "bine/driver/system_calls.h"

namespace bine {

// automatic: io_uring where the system lets us, epoll otherwise; which, and why, is in Driver::info(). `reason`: why another
// kind was asked for. Errors: throws Error when the system refuses it.
std::unique_ptr<Driver> make_native_driver(DriverKind kind, const std::string& reason,
                                           SystemCalls& system = native_system_calls);

// auto, epoll, uring.
std::optional<DriverKind> try_driver_kind(std::string_view name) noexcept;

// `reason` is what Driver::info() answers. Throws Error when the system has no epoll instance or eventfd left.
// `system` must outlive it.
std::unique_ptr<Driver> make_epoll_driver(std::string reason, SystemCalls& system = native_system_calls);

// How much room the io_uring driver takes; other values are for tests.
struct UringOptions {
    uint32_t entries = 512;
    uint32_t completions = 4096;
    uint32_t buffers = 16;
    uint32_t buffer_size = 65536;
};

// Errors: why there is no io_uring here: a sandbox that forbids it, a kernel before 6.12.
Result<std::unique_ptr<Driver>> make_uring_driver(std::string reason, SystemCalls& system = native_system_calls,
                                                  const UringOptions& options = {});

}  // namespace bine
