// The Driver contract: what every driver must do, as cases that run over any of them.
//
//     for (const DriverCase& promise : driver_contract()) CHECK(broken_promise(promise, world) == "");
//
// Both ends of every connection are on the same driver, so a case is one
// thread and, on a driver that is deterministic, deterministic.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "bine/base/time.h"
#include "bine/driver/driver.h"

namespace bine::testing {

// Where the drivers under test come from, and what they claim to be able to do.
class DriverWorld {
public:
    virtual ~DriverWorld() = default;

    virtual std::unique_ptr<Driver> make_driver() = 0;
    // Where to listen: port 0, one is chosen.
    virtual Address listen_address() { return Address::loopback(0); }
    // Where nobody listens, and a connect is refused.
    virtual Address refusing_address(Driver& driver);
    // How long everything that is under way may take to arrive, when nothing comes in between.
    virtual Duration settle_time() { return std::chrono::milliseconds(3); }
    // More than the system's buffers between two ends hold.
    virtual std::size_t more_than_fits() { return 24 << 20; }

    virtual bool native() { return true; }  // real descriptors, threads and time
    // Whether what can be sent at once is; a kernel under faults may put it off.
    virtual bool prompt() { return true; }
    virtual bool has_datagrams() { return true; }
    // Whether abort() is a reset over there; with Unix sockets it may look like an end.
    virtual bool resets() { return true; }
};

struct DriverCase {
    const char* name;
    void (*run)(DriverWorld& world);  // throws a Breach
};

// Runs one: nothing when it holds, its name and what is wrong otherwise.
std::string broken_promise(const DriverCase& promise, DriverWorld& world);

// All of them.
std::span<const DriverCase> driver_contract();

}  // namespace bine::testing
