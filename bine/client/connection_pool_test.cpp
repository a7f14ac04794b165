#include "bine/client/connection_pool.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace bine::http {
namespace {

// A connection that does nothing but be there.
struct FakeConnection final : PooledConnection {
    explicit FakeConnection(PoolPlace p) : place(std::move(p)) {}
    ~FakeConnection() {
        if (place) place.withdraw(*this);
    }

    void begin_idle() noexcept override {}
    void end_idle() noexcept override {}
    void close_idle() noexcept override {
        closed = true;
        place.withdraw(*this);
        place.release();
    }
    void lose() {
        place.withdraw(*this);
        place.release();
    }

    PoolPlace place;
    bool closed = false;
};

using Made = std::unique_ptr<FakeConnection>;

Ref<ConnectionPool> make_pool(uint32_t most, uint32_t most_per_host) {
    return Ref<ConnectionPool>(new ConnectionPool(most, most_per_host));
}

Made connect(Deferred<Lease>& leasing) {
    REQUIRE(leasing.done());
    Result<Lease> lease = std::move(leasing).result();
    REQUIRE(lease);
    REQUIRE_FALSE(lease->take_connection());
    return std::make_unique<FakeConnection>(lease->take_place());
}

PooledConnection* reuse(Deferred<Lease>& leasing) {
    REQUIRE(leasing.done());
    Result<Lease> lease = std::move(leasing).result();
    REQUIRE(lease);
    const Ref<ConnectionHandle> handle = lease->take_connection();
    return handle ? handle->connection : nullptr;
}

TEST_CASE("a connection that was kept is used before a new one is made, the one used last first") {
    const auto pool = make_pool(10, 10);
    Deferred<Lease> first = pool->acquire("a");
    Deferred<Lease> second = pool->acquire("a");
    const Made one = connect(first);
    const Made two = connect(second);
    CHECK(pool->places() == 2);
    one->place.keep(*one);
    two->place.keep(*two);
    CHECK(pool->idle() == 2);
    Deferred<Lease> again = pool->acquire("a");
    CHECK(reuse(again) == two.get());
    CHECK(pool->idle() == 1);
    Deferred<Lease> other = pool->acquire("b");
    const Made elsewhere = connect(other);
    CHECK(pool->places() == 3);
}

TEST_CASE("who finds no room waits, in order, and gets the connection that comes back or the place that becomes free") {
    const auto pool = make_pool(10, 1);
    Deferred<Lease> first = pool->acquire("a");
    const Made one = connect(first);
    Deferred<Lease> second = pool->acquire("a");
    Deferred<Lease> third = pool->acquire("a");
    CHECK_FALSE(second.done());
    one->place.keep(*one);
    CHECK(second.done());
    CHECK_FALSE(third.done());
    CHECK(reuse(second) == one.get());
    one->lose();
    CHECK(third.done());
    const Made last = connect(third);
    CHECK(pool->places() == 1);
}

TEST_CASE("a place that is needed elsewhere costs the connection that was not used for longest") {
    const auto pool = make_pool(2, 2);
    Deferred<Lease> first = pool->acquire("a");
    Deferred<Lease> second = pool->acquire("b");
    const Made one = connect(first);
    const Made two = connect(second);
    two->place.keep(*two);
    one->place.keep(*one);
    Deferred<Lease> third = pool->acquire("c");
    CHECK(two->closed);
    CHECK_FALSE(one->closed);
    const Made three = connect(third);
    CHECK(pool->places() == 2);
}

TEST_CASE("hosts that wait are served in turn, however many wait for each") {
    const auto pool = make_pool(1, 1);
    Deferred<Lease> first = pool->acquire("a");
    const Made one = connect(first);
    std::vector<Deferred<Lease>> of_a;
    for (int i = 0; i < 3; ++i) of_a.push_back(pool->acquire("a"));
    Deferred<Lease> of_b = pool->acquire("b");
    one->place.keep(*one);
    CHECK(of_a[0].done());
    CHECK(reuse(of_a[0]) == one.get());
    CHECK_FALSE(of_b.done());
    one->place.keep(*one);
    CHECK(one->closed);
    CHECK(of_b.done());
    CHECK_FALSE(of_a[1].done());
    Made two = connect(of_b);
    two.reset();
    CHECK(of_a[1].done());
    const Made three = connect(of_a[1]);
    three->place.keep(*three);
    CHECK(reuse(of_a[2]) == three.get());
}

TEST_CASE("what a waiter that is dropped was given goes to the next") {
    const auto pool = make_pool(1, 1);
    Deferred<Lease> first = pool->acquire("a");
    const Made one = connect(first);
    Deferred<Lease> second = pool->acquire("a");
    Deferred<Lease> third = pool->acquire("a");
    Deferred<Lease> fourth = pool->acquire("a");
    second = {};
    one->place.keep(*one);
    REQUIRE(third.done());
    third = {};
    REQUIRE(fourth.done());
    CHECK(reuse(fourth) == one.get());
    Deferred<Lease> place = pool->acquire("b");
    CHECK_FALSE(place.done());
    one->lose();
    REQUIRE(place.done());
    place = {};
    CHECK(pool->places() == 0);
}

TEST_CASE("a connection that is lost on its way to who waited names nothing") {
    const auto pool = make_pool(1, 1);
    Deferred<Lease> first = pool->acquire("a");
    const Made one = connect(first);
    one->place.keep(*one);
    Deferred<Lease> second = pool->acquire("a");
    one->lose();
    REQUIRE(second.done());
    Result<Lease> lease = std::move(second).result();
    const Ref<ConnectionHandle> handle = lease->take_connection();
    REQUIRE(handle);
    CHECK(handle->connection == nullptr);
}

TEST_CASE("a pool that is closed keeps nothing, and who waits is told") {
    const auto pool = make_pool(1, 1);
    Deferred<Lease> first = pool->acquire("a");
    const Made one = connect(first);
    Deferred<Lease> second = pool->acquire("b");
    pool->close();
    REQUIRE(second.done());
    CHECK(std::move(second).result().error().is(Errc::closed));
    Deferred<Lease> third = pool->acquire("a");
    CHECK(std::move(third).result().error().is(Errc::closed));
    one->place.keep(*one);
    CHECK(one->closed);
    CHECK(pool->places() == 0);
}

TEST_CASE("what is known to be dead goes, and that of other hosts stays") {
    const auto pool = make_pool(10, 10);
    std::vector<Made> made;
    for (const char* host : {"a", "a", "b"}) {
        Deferred<Lease> leasing = pool->acquire(host);
        made.push_back(connect(leasing));
    }
    for (const Made& one : made) one->place.keep(*one);
    pool->forget_idle("a");
    pool->forget_idle("c");
    CHECK(made[0]->closed);
    CHECK(made[1]->closed);
    CHECK_FALSE(made[2]->closed);
    CHECK(pool->places() == 1);
    pool->close_idle();
    CHECK(pool->places() == 0);
}

}  // namespace
}  // namespace bine::http
