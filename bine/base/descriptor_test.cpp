#include "bine/base/descriptor.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

using namespace bine;

namespace {

int open_something() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

}  // namespace

TEST_CASE("a descriptor is closed by its one owner") {
    const int fd = open_something();
    REQUIRE(fd >= 0);
    {
        Descriptor first(fd);
        Descriptor second = std::move(first);
        CHECK(!first);  // NOLINT(bugprone-use-after-move)
        CHECK(second.get() == fd);
        CHECK(is_open(fd));
        Descriptor third;
        third = std::move(second);
        CHECK(!second);  // NOLINT(bugprone-use-after-move)
        Descriptor& same = third;
        third = std::move(same);
        CHECK(third.get() == fd);
        CHECK(is_open(fd));
    }
    CHECK(!is_open(fd));
}

TEST_CASE("what is released stays open, what is replaced does not") {
    Descriptor holder(open_something());
    const int fd = holder.release();
    CHECK(!holder);
    CHECK(is_open(fd));
    holder.reset(fd);
    const int other = open_something();
    holder.reset(other);
    CHECK(!is_open(fd));
    CHECK(is_open(other));
    holder.reset();
    CHECK(!is_open(other));
}

TEST_CASE("a shared file is closed with the last that sends from it") {
    const int fd = open_something();
    Ref<SharedFile> first(new SharedFile(Descriptor(fd)));
    Ref<SharedFile> second = first;
    CHECK(second->get() == fd);
    first = {};
    CHECK(is_open(fd));
    second = {};
    CHECK(!is_open(fd));
}
