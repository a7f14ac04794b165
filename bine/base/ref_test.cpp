#include "bine/base/ref.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace bine;

namespace {

struct Probe final : Counted {
    explicit Probe(int& destroyed) : destroyed_count(destroyed) {}
    ~Probe() { ++destroyed_count; }
    int& destroyed_count;
};

}  // namespace

TEST_CASE("the last Ref deletes its object, once") {
    int destroyed = 0;
    {
        Ref<Probe> first(new Probe(destroyed));
        {
            Ref<Probe> second = first;  // NOLINT(performance-unnecessary-copy-initialization)
            CHECK(second.get() == first.get());
        }
        CHECK(destroyed == 0);
    }
    CHECK(destroyed == 1);
}

TEST_CASE("a Ref survives assignment to itself and moves leave null") {
    int destroyed = 0;
    Ref<Probe> a(new Probe(destroyed));
    Ref<Probe>& same = a;
    a = same;
    REQUIRE(a);
    Ref<Probe> b = std::move(a);
    CHECK(!a);  // NOLINT(bugprone-use-after-move)
    CHECK(b);
    b = Ref<Probe>();
    CHECK(destroyed == 1);
}

TEST_CASE("assigning one Ref over another releases what it held") {
    int first = 0;
    int second = 0;
    Ref<Probe> a(new Probe(first));
    Ref<Probe> b(new Probe(second));
    a = b;
    CHECK(first == 1);
    CHECK(second == 0);
    a = std::move(b);
    CHECK(second == 0);
    a = {};
    CHECK(second == 1);
}

TEST_CASE("a Ref of const counts too") {
    int destroyed = 0;
    Ref<const Probe> held(new Probe(destroyed));
    Ref<const Probe> copy = held;
    held = {};
    CHECK(destroyed == 0);
    copy = {};
    CHECK(destroyed == 1);
}

TEST_CASE("copies in several threads delete the object once, in any order") {
    for (int round = 0; round < 50; ++round) {
        int destroyed = 0;
        std::vector<std::thread> threads;
        {
            Ref<Probe> shared(new Probe(destroyed));
            for (int i = 0; i < 4; ++i) {
                threads.emplace_back([mine = shared] {
                    for (int n = 0; n < 100; ++n) {
                        Ref<Probe> copy = mine;
                        Ref<Probe> moved = std::move(copy);
                    }
                });
            }
        }
        for (std::thread& thread : threads) thread.join();
        threads.clear();
        CHECK(destroyed == 1);
    }
}
