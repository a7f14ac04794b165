#include "bine/app/processors.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <unistd.h>

#include <string>

#include "bine/testing/temp_folder.h"

namespace bine::app {
namespace {

// A root with a control group of this name and what its cpu.max says.
struct Root {
    explicit Root(const std::string& cgroup) { write("proc/self/cgroup", cgroup); }
    void write(const std::string& path, const std::string& text) { folder.write(path, text); }
    Processors usable() const { return usable_processors(folder.path()); }

    testing::TempFolder folder;
};

// One processor, as long as it lives.
struct Pinned {
    Pinned() {
        REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
        cpu_set_t one;
        CPU_ZERO(&one);
        for (std::size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
            if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
        }
        ::sched_setaffinity(0, sizeof one, &one);
    }
    ~Pinned() { ::sched_setaffinity(0, sizeof before, &before); }
    cpu_set_t before{};
};

TEST_CASE("without a quota it is what the process may run on") {
    Root root("0::/\n");
    const std::size_t all = root.usable().count;
    CHECK(all >= 1);
    root.write("sys/fs/cgroup/cpu.max", "max 100000\n");
    CHECK(root.usable().count == all);
    CHECK(Root("nonsense").usable().count == all);
}

TEST_CASE("affinity counts, and is named when it leaves some out") {
    const Pinned pinned;
    const Processors one = Root("0::/\n").usable();
    CHECK(one.count == 1);
    if (::sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        CHECK(one.reason ==
              "of " + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " by the affinity of this process");
    }
}

TEST_CASE("the least quota of the group and those around it counts, rounded up, one at least") {
    Root root("12:cpu:/old\n0::/a/b\n");
    const std::size_t all = root.usable().count;
    root.write("sys/fs/cgroup/a/b/cpu.max", "10000000 100000\n");
    CHECK(root.usable().count == all);
    root.write("sys/fs/cgroup/a/cpu.max", "10000 100000\n");
    CHECK(root.usable().count == 1);
    if (all < 2) return;
    CHECK(root.usable().reason == "of " + std::to_string(all) + " by the CPU quota of its control group");
    root.write("sys/fs/cgroup/a/cpu.max", "110000 100000\n");
    CHECK(root.usable().count == 2);
    root.write("sys/fs/cgroup/cpu.max", "100000 100000\n");
    CHECK(root.usable().count == 1);
}

TEST_CASE("this machine has some") {
    const Processors here = usable_processors();
    CHECK(here.count >= 1);
    CHECK_FALSE(here.reason.empty());
}

}  // namespace
}  // namespace bine::app
