#include "bine/testing/driver_contract.h"

#include <vector>

#include "bine/testing/driver_scene.h"

namespace bine::testing {

// A port that was free a moment ago.
Address DriverWorld::refusing_address(Driver& driver) {
    struct Nobody final : AcceptSink {
        void accepted(SocketId, const Address&) override {}
        void accept_failed(const Error&) override {}
    } nobody;
    const auto listener = driver.listen(listen_address(), {}, nobody);
    expect(listener.has_value(), listener ? "" : listener.error().text());
    const Address address = driver.local_address(*listener);
    driver.close(*listener);
    return address;
}

std::string broken_promise(const DriverCase& promise, DriverWorld& world) {
    try {
        promise.run(world);
    } catch (const std::exception& breach) {
        return std::string(promise.name) + ": " + breach.what();
    }
    return {};
}

std::span<const DriverCase> driver_contract() {
    static const std::vector<DriverCase> all = [] {
        std::vector<DriverCase> cases;
        for (const auto part : {driver_stream_cases(), driver_ending_cases(), driver_other_cases()}) {
            cases.insert(cases.end(), part.begin(), part.end());
        }
        return cases;
    }();
    return all;
}

}  // namespace bine::testing
