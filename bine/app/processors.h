// How many processors there are for this process, and why not more.
#pragma once

#include <cstddef>
#include <string>

namespace bine::app {

struct Processors {
    std::size_t count = 1;
    std::string reason;  // "all that are online", "of 8 by the affinity of this process"
};

// Those that this process may run on (sched_getaffinity), and no more than the CPU quota of its control groups (version 2) is
// worth, rounded up. `root` is where /proc and /sys are looked for, for tests.
Processors usable_processors(const std::string& root = "");

}  // namespace bine::app
