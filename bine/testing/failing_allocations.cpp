#include "bine/testing/failing_allocations.h"

namespace bine::testing {

namespace {

struct Countdown {
    uint64_t until = 0;  // the first that fails
    uint64_t failing = 0;
    bool failed = false;
    int spared = 0;
};

constinit thread_local Countdown countdown;

}  // namespace

FailNthAllocation::FailNthAllocation(uint64_t n, uint64_t in_a_row) noexcept {
    countdown = {.until = n, .failing = in_a_row};
}
FailNthAllocation::~FailNthAllocation() { countdown = {}; }
bool FailNthAllocation::has_failed() const noexcept { return countdown.failed; }

AllocationsSucceed::AllocationsSucceed() noexcept { ++countdown.spared; }
AllocationsSucceed::~AllocationsSucceed() { --countdown.spared; }

bool allocation_fails() noexcept {
    if (countdown.failing == 0 || countdown.spared > 0) return false;
    if (countdown.until > 1) {
        --countdown.until;
        return false;
    }
    --countdown.failing;
    countdown.failed = true;
    return true;
}

}  // namespace bine::testing
