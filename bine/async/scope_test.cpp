#include "bine/async/scope.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>

#include "bine/async/sleep.h"
#include "bine/async/within.h"
#include "bine/testing/manual_clock.h"

using namespace bine;
using namespace std::chrono_literals;

TEST_CASE("a scope turns its own cancellation into an error, and passes any other on") {
    Scope scope;
    Promise<int> a, b, c;
    auto own = scope.run(a.deferred());
    auto other = scope.run(b.deferred());
    auto value = scope.run(c.deferred());
    {
        const Promise<int> gone = std::move(b);
    }
    std::move(c).resolve(3);
    scope.cancel();
    CHECK(std::move(own).result().error().is(Errc::cancelled_by_scope));
    CHECK(std::move(other).result().error().is(Errc::cancelled));
    CHECK(std::move(value).result().value() == 3);
    CHECK_FALSE(a.wanted());
}

TEST_CASE("a scope is level-triggered: what comes later is cancelled at once") {
    Scope scope;
    scope.cancel();
    Promise<int> promise;
    auto late = scope.run(promise.deferred());
    CHECK(std::move(late).result().error().is(Errc::cancelled_by_scope));
    CHECK_FALSE(promise.wanted());
    CHECK(std::move(scope.run(ready(1))).result().value() == 1);
}

TEST_CASE("a coroutine that loops in a cancelled scope meets the error again and again") {
    Scope scope;
    Promise<> never;
    int met = 0;
    const auto body = [&]() -> Deferred<> {
        for (int i = 0; i < 3; ++i) {
            Promise<> promise;
            auto wait = scope.run(promise.deferred());
            const auto result = co_await std::move(wait).as_result();
            if (!result && result.error().is(Errc::cancelled_by_scope)) ++met;
        }
    };
    auto loop = body();
    scope.cancel();
    CHECK(met == 3);
    CHECK(loop.done());
}

TEST_CASE("who hears of the cancellation may destroy the scope") {
    auto scope = std::make_unique<Scope>();
    Promise<> a, b;
    auto first = scope->run(a.deferred()).recover([&](const Error&) { scope.reset(); });
    auto second = scope->run(b.deferred());
    scope->cancel();
    CHECK(scope == nullptr);
    CHECK(first.done());
    CHECK(std::move(second).result().error().is(Errc::cancelled_by_scope));
}

TEST_CASE("within cancels what takes too long, and only that") {
    testing::ManualClock clock;
    auto slow = within(clock, 5s, sleep(clock, 10s).then([] { return 1; }));
    auto quick = within(clock, 5s, sleep(clock, 1s).then([] { return 2; }));
    clock.advance(5s);
    CHECK(std::move(slow).result().error().is(Errc::timed_out));
    CHECK(std::move(quick).result().value() == 2);
    CHECK(clock.idle());
}

TEST_CASE("a value that comes in the same moment before the limit wins") {
    testing::ManualClock clock;
    auto tie = within(clock, 5s, sleep(clock, 4s).then([] { return 1; }));
    clock.advance(5s);
    CHECK(std::move(tie).result().value() == 1);
}

TEST_CASE("dropping what is limited disarms the timer") {
    testing::ManualClock clock;
    Promise<> promise;
    {
        auto limited = within(clock, 5s, promise.deferred());
    }
    CHECK(clock.idle());
    CHECK_FALSE(promise.wanted());
}

TEST_CASE("limits nest: the inner one is an error, the outer one cancels it all") {
    testing::ManualClock clock;
    const auto body = [](Scheduler& scheduler) -> Deferred<std::string> {
        auto inner = within(scheduler, 1s, sleep(scheduler, 10s));
        const auto result = co_await std::move(inner).as_result();
        if (!result) co_await sleep(scheduler, 10s);
        co_return "went on";
    };
    auto outer = within(clock, 3s, body(clock));
    clock.advance(2s);
    CHECK_FALSE(outer.done());
    clock.advance(1s);
    CHECK(std::move(outer).result().error().is(Errc::timed_out));
    CHECK(clock.idle());
}

TEST_CASE("a scope cancelled by a task in it lets that task run to its next await") {
    Scope scope;
    Promise<> go;
    std::string log;
    const auto body = [&](Deferred<> signal) -> Deferred<> {
        co_await std::move(signal);
        scope.cancel();
        log += "still-here ";
        co_await ready();
        log += "went-on ";
    };
    auto run = scope.run(body(go.deferred()));
    std::move(go).resolve();
    CHECK(log == "still-here ");
    CHECK(std::move(run).result().error().is(Errc::cancelled_by_scope));
}
