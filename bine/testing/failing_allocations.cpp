#include "bine/testing/failing_allocations.h"

namespace bine::testing {

namespace {

struct Countdown {
    uint64_t left = 0;  // 0: none fails
    bool failed = false;
    int spared = 0;
};

constinit thread_local Countdown countdown;

}  // namespace

FailNthAllocation::FailNthAllocation(uint64_t n) noexcept { countdown = {.left = n}; }
FailNthAllocation::~FailNthAllocation() { countdown = {}; }
bool FailNthAllocation::has_failed() const noexcept { return countdown.failed; }

AllocationsSucceed::AllocationsSucceed() noexcept { ++countdown.spared; }
AllocationsSucceed::~AllocationsSucceed() { --countdown.spared; }

bool allocation_fails() noexcept {
    if (countdown.left == 0 || countdown.spared > 0) return false;
    countdown.failed = --countdown.left == 0;
    return countdown.failed;
}

}  // namespace bine::testing
