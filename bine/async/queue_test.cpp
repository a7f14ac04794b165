#include "bine/async/queue.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "bine/async/event.h"
#include "bine/async/lock.h"
#include "bine/async/sleep.h"
#include "bine/async/within.h"
#include "bine/testing/manual_clock.h"

using namespace bine;
using namespace std::chrono_literals;

TEST_CASE("a queue hands items over in order, to those who wait in order") {
    Queue<std::unique_ptr<int>> queue(10);
    auto first = queue.get(), second = queue.get();
    CHECK(queue.put(std::make_unique<int>(1)).done());
    CHECK(queue.put(std::make_unique<int>(2)).done());
    CHECK(queue.put(std::make_unique<int>(3)).done());
    CHECK(**std::move(first).result() == 1);
    CHECK(**std::move(second).result() == 2);
    CHECK(queue.size() == 1);
    CHECK(**queue.try_get() == 3);
    CHECK_FALSE(queue.try_get().has_value());
}

TEST_CASE("put waits while the queue is full; dropped, its item is dropped") {
    Queue<int> queue(1);
    CHECK(queue.put(1).done());
    CHECK_FALSE(queue.try_put(9));
    auto second = queue.put(2);
    {
        auto dropped = queue.put(3);
    }
    auto fourth = queue.put(4);
    CHECK_FALSE(second.done());
    CHECK(*queue.try_get() == 1);
    CHECK(second.done());
    CHECK(*queue.try_get() == 2);
    CHECK(*queue.try_get() == 4);
    CHECK(fourth.done());
}

TEST_CASE("a cancelled get loses no item: before it comes, when it is there, and when it is under way") {
    Queue<int> queue(10);
    {
        auto gone = queue.get();
    }
    queue.put(1).detach();
    {
        auto untaken = queue.get();
    }
    CHECK(queue.size() == 1);
    {
        auto untaken = queue.get();
        auto next = queue.get();
        untaken = {};
        CHECK(std::move(next).result().value() == 1);
    }
    bool seen = false;
    Promise<> go;
    auto chain = queue.get().then([&](int) { seen = true; });
    auto both = go.deferred().then([&] {
        queue.put(2).detach();
        chain = {};
    });
    std::move(go).resolve();
    CHECK_FALSE(seen);
    CHECK(*queue.try_get() == 2);
}

TEST_CASE("a get with a time limit loses nothing either") {
    testing::ManualClock clock;
    Queue<int> queue(10);
    auto limited = within(clock, 1s, queue.get());
    clock.advance(1s);
    CHECK(std::move(limited).result().error().is(Errc::timed_out));
    queue.put(1).detach();
    auto quick = within(clock, 1s, queue.get());
    CHECK(std::move(quick).result().value() == 1);
    CHECK(queue.empty());
}

TEST_CASE("a closed queue gives what it has, then says so; a queue that ends cancels") {
    Queue<int> queue(1);
    queue.put(1).detach();
    auto waiting = queue.put(2);
    queue.close();
    CHECK(std::move(waiting).result().error().is(Errc::closed));
    CHECK(std::move(queue.put(3)).result().error().is(Errc::closed));
    CHECK(std::move(queue.get()).result().value() == 1);
    CHECK(std::move(queue.get()).result().error().is(Errc::closed));

    Deferred<int> getter;
    {
        Queue<int> other(1);
        getter = other.get();
    }
    CHECK(std::move(getter).result().error().is(Errc::cancelled));
    {
        Queue<int> other(1);
        getter = other.get();
        other.put(5).detach();
    }
    CHECK(std::move(getter).result().value() == 5);
}

TEST_CASE("a producer and a consumer pass a hundred thousand items through a small queue") {
    Queue<int> queue(4);
    long sum = 0;
    const auto produce = [](Queue<int>& into) -> Deferred<> {
        for (int i = 1; i <= 100'000; ++i) co_await into.put(i);
        into.close();
    };
    const auto consume = [](Queue<int>& from, long& total) -> Deferred<> {
        for (;;) total += co_await from.get().or_end();
    };
    auto consumer = consume(queue, sum);
    auto producer = produce(queue);
    CHECK(producer.done());
    CHECK(std::move(consumer).result().error().is(Errc::closed));
    CHECK(sum == 100'000L * 100'001 / 2);
}

TEST_CASE("a lock lets one in at a time, in the order of asking, and passes by who has gone") {
    Lock lock;
    std::string log;
    testing::ManualClock clock;
    const auto body = [&](std::string name) -> Deferred<> {
        auto guard = co_await lock.acquire();
        log += name + "( ";
        co_await sleep(clock, 1s);
        log += ") ";
    };
    auto a = body("a"), b = body("b"), c = body("c");
    CHECK(lock.held());
    CHECK_FALSE(lock.try_acquire());
    b = {};
    clock.advance(5s);
    CHECK(log == "a( ) c( ) ");
    CHECK_FALSE(lock.held());
    CHECK(c.done());
}

TEST_CASE("a guard that comes and is not wanted any more unlocks") {
    Lock lock;
    auto held = lock.try_acquire();
    auto next = lock.acquire();
    auto after = lock.acquire();
    held.release();
    CHECK(next.done());
    CHECK_FALSE(after.done());
    next = {};
    CHECK(after.done());
    after = {};
    CHECK_FALSE(lock.held());
}

TEST_CASE("a semaphore gives out as many permits as it has") {
    Semaphore semaphore(2);
    auto a = semaphore.try_acquire(), b = semaphore.try_acquire();
    CHECK(semaphore.available() == 0);
    auto c = semaphore.acquire(), d = semaphore.acquire();
    {
        const auto gone = std::move(a);
    }
    CHECK(c.done());
    CHECK_FALSE(d.done());
    auto moved = std::move(b);
    b = std::move(moved);
    CHECK_FALSE(d.done());
    b.release();
    CHECK(d.done());
}

TEST_CASE("an event wakes all that wait, in order, and lets through who comes later") {
    auto event = std::make_unique<Event>();
    std::string log;
    auto a = event->wait().then([&] { log += "a "; });
    auto b = event->wait().then([&] { log += "b "; });
    {
        auto gone = event->wait();
    }
    event->set();
    CHECK(log == "a b ");
    CHECK(event->wait().done());
    event->clear();
    auto c = event->wait().then([&] { event.reset(); });
    event->set();
    CHECK(c.done());
    CHECK(event == nullptr);
}

TEST_CASE("a pulse wakes those that wait now; an event that ends cancels them") {
    Deferred<> late;
    {
        Event event;
        auto now = event.wait();
        event.pulse();
        CHECK(now.done());
        late = event.wait();
        CHECK_FALSE(late.done());
    }
    CHECK(std::move(late).result().error().is(Errc::cancelled));
}
