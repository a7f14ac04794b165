#include "bine/app/processors.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <optional>

namespace bine::app {

namespace {

std::size_t online() { return static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))); }

// Sets of processors grow until they hold as many as the kernel knows.
std::size_t allowed(std::size_t otherwise) {
    for (std::size_t most = 1024; most <= (1u << 20); most *= 2) {
        const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(most), [](cpu_set_t* s) { CPU_FREE(s); });
        const std::size_t size = CPU_ALLOC_SIZE(most);
        if (set && ::sched_getaffinity(0, size, set.get()) == 0) {
            return static_cast<std::size_t>(std::max(1, CPU_COUNT_S(size, set.get())));
        }
    }
    return otherwise;
}

// The group in "0::/system.slice/bine.service".
std::string control_group(const std::string& root) {
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("0::/")) return line.substr(3);
    }
    return "/";
}

// What "50000 100000" in cpu.max is worth: half a processor.
std::optional<double> quota_of(const std::string& folder) {
    std::ifstream file(folder + "/cpu.max");
    double quota = 0;
    double period = 0;
    if (!(file >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;  // "max", or no such file
    return quota / period;
}

// The least of the group's and of those around it.
std::optional<double> least_quota(const std::string& root) {
    std::optional<double> least;
    for (std::string group = control_group(root);; group.resize(group.rfind('/'))) {
        const auto quota = quota_of(root + "/sys/fs/cgroup" + group);
        if (quota && (!least || *quota < *least)) least = quota;
        if (group.find('/') == group.npos) return least;
    }
}

}  // namespace

Processors usable_processors(const std::string& root) {
    const std::size_t all = online();
    Processors usable{allowed(all), "all that are online"};
    if (usable.count < all) {
        usable.reason = "of " + std::to_string(all) + " by the affinity of this process";
    }
    const std::optional<double> quota = least_quota(root);
    if (!quota || *quota > static_cast<double>(usable.count - 1)) return usable;
    usable.reason = "of " + std::to_string(usable.count) + " by the CPU quota of its control group";
    usable.count = static_cast<std::size_t>(std::max(1.0, std::ceil(*quota)));
    return usable;
}

}  // namespace bine::app
