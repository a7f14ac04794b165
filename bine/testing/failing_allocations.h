// Memory that runs out at a chosen moment: what a program does then, tried for every moment.
//
//     #include "bine/testing/replace_operator_new.h"   // in one source of the test's program
//
//     for (uint64_t n = 1;; ++n) {
//         FailNthAllocation failing(n);
//         ...                                          // what must survive it
//         if (!failing.has_failed()) break;            // it needs fewer
//     }
//
// Counted is what operator new is asked for in the thread that made it; bine's pools ask it too when they have nothing to
// give back, so a fresh thread, or AddressSanitizer, makes more moments. One at a time in a thread.
#pragma once

#include <cstdint>

namespace bine::testing {

// The n-th allocation of this thread from now on throws std::bad_alloc, as do those behind it, `in_a_row` in all.
class FailNthAllocation {
public:
    explicit FailNthAllocation(uint64_t n, uint64_t in_a_row = 1) noexcept;
    ~FailNthAllocation();
    FailNthAllocation(const FailNthAllocation&) = delete;
    FailNthAllocation& operator=(const FailNthAllocation&) = delete;

    bool has_failed() const noexcept;
};

// What the test itself needs meanwhile: nothing fails and nothing is counted while one lives.
class AllocationsSucceed {
public:
    AllocationsSucceed() noexcept;
    ~AllocationsSucceed();
    AllocationsSucceed(const AllocationsSucceed&) = delete;
    AllocationsSucceed& operator=(const AllocationsSucceed&) = delete;
};

// For operator new: counts, and answers whether this one fails.
bool allocation_fails() noexcept;

}  // namespace bine::testing
