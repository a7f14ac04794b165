#include "bine/async/future.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "bine/base/log.h"
#include "bine/testing/manual_clock.h"

using namespace bine;

TEST_CASE("the callbacks of a Future run in the next turn, those of a Deferred at once") {
    testing::ManualClock clock;
    std::string log;
    Promise<int> promise;
    auto future = promise.deferred().then([&](int value) { return log += "deferred ", value; }).to_future(clock);
    auto first = future.then([&](int) { log += "first "; });
    auto second = future.then([&](int) { log += "second "; });
    std::move(promise).resolve(1);
    CHECK(log == "deferred ");
    CHECK(future.done());
    clock.turn();
    CHECK(log == "deferred first second ");
    auto late = future.then([&](int) { log += "late "; });
    CHECK(log == "deferred first second ");
    clock.turn();
    CHECK(log == "deferred first second late ");
}

TEST_CASE("every waiter gets a copy of the value, the error, or the cancellation") {
    testing::ManualClock clock;
    Promise<std::string> value, error, cancelled;
    auto a = value.deferred().to_future(clock);
    auto b = error.deferred().to_future(clock);
    auto c = cancelled.deferred().to_future(clock);
    std::vector<Deferred<std::string>> got_a, got_b, got_c;
    for (int i = 0; i < 3; ++i) {
        got_a.push_back(a.to_deferred());
        got_b.push_back(b.to_deferred());
        got_c.push_back(c.to_deferred());
    }
    std::move(value).resolve("a value that is longer than a small string");
    std::move(error).fail(Errc::closed, "gone");
    {
        const auto gone = std::move(cancelled);
    }
    clock.run_ready();
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(std::move(got_a[i]).result().value().size() == 42);
        CHECK(std::move(got_b[i]).result().error().text() == "gone");
        CHECK(std::move(got_c[i]).result().error().is(Errc::cancelled));
    }
}

TEST_CASE("a coroutine awaits a Future, many do") {
    testing::ManualClock clock;
    Promise<int> promise;
    const auto future = promise.deferred().to_future(clock);
    const auto body = [](Future<int> shared) -> Deferred<int> {
        const int value = co_await shared;
        co_return value + 1;
    };
    auto one = body(future), two = body(future);
    std::move(promise).resolve(1);
    CHECK_FALSE(one.done());
    clock.run_ready();
    CHECK(std::move(one).result().value() == 2);
    CHECK(std::move(two).result().value() == 2);
}

TEST_CASE("waiters leave when they are dropped, and the last one to leave cancels what is pending") {
    testing::ManualClock clock;
    Promise<> promise;
    bool cancelled = false;
    promise.on_cancel([&]() noexcept { cancelled = true; });
    {
        Deferred<> waiter;
        {
            auto future = promise.deferred().to_future(clock);
            for (int i = 0; i < 1000; ++i) auto dropped = future.to_deferred();
            waiter = future.to_deferred();
        }
        CHECK_FALSE(cancelled);
    }
    CHECK(cancelled);
    CHECK(clock.idle());
}

TEST_CASE("a callback may drop the other waiters and the Future") {
    testing::ManualClock clock;
    Promise<> promise;
    auto future = std::make_unique<Future<>>(promise.deferred().to_future(clock));
    Deferred<> other;
    bool heard = false;
    auto first = future->then([&] {
        other = {};
        future.reset();
    });
    other = future->then([&] { heard = true; });
    std::move(promise).resolve();
    clock.run_ready();
    CHECK(first.done());
    CHECK_FALSE(heard);
}

TEST_CASE("n waiters cost n: each is called once, and nothing is left") {
    testing::ManualClock clock;
    Promise<> promise;
    auto future = promise.deferred().to_future(clock);
    int called = 0;
    std::vector<Deferred<>> waiters;
    for (int i = 0; i < 100'000; ++i) waiters.push_back(future.then([&] { ++called; }));
    std::move(promise).resolve();
    CHECK(clock.run_ready() == 1);
    CHECK(called == 100'000);
}

TEST_CASE("a Future whose error nobody saw is logged, once") {
    std::vector<std::string> lines;
    auto old = log::set_sink([&](const log::Record& record) { lines.push_back(log::to_line(record)); });
    testing::ManualClock clock;
    {
        Promise<> promise;
        auto future = promise.deferred().to_future(clock);
        auto copy = future;
        std::move(promise).fail(Errc::closed, "unseen");
    }
    log::set_sink(std::move(old));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("unseen") != std::string::npos);
}

TEST_CASE("a scheduler that ends leaves the waiters cancelled") {
    Deferred<> waiter;
    {
        testing::ManualClock clock;
        waiter = ready().to_future(clock).to_deferred();
    }
    CHECK(std::move(waiter).result().error().is(Errc::cancelled));
}
