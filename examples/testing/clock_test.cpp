// Coroutines whose time the test moves.
#include <doctest/doctest.h>

#include <optional>

#include "bine/async/sleep.h"
#include "bine/async/within.h"
#include "bine/base/function.h"
#include "bine/testing/manual_clock.h"

using namespace bine;
using namespace std::chrono_literals;

namespace {

// Asks until there is an answer, and waits a second longer each time.
Deferred<int> ask_patiently(Scheduler& scheduler, Function<std::optional<int>()> ask) {
    for (Duration wait = 1s;; wait += 1s) {
        const auto answer = ask();
        if (answer) co_return *answer;
        co_await sleep(scheduler, wait);
    }
}

}  // namespace

TEST_CASE("who asks patiently waits longer each time") {
    testing::ManualClock clock;
    int asked = 0;
    auto answer = ask_patiently(clock, [&] { return ++asked == 3 ? std::optional(42) : std::nullopt; });
    CHECK(asked == 1);
    clock.advance(1s);
    CHECK(asked == 2);
    clock.advance(2s);
    REQUIRE(answer.done());
    CHECK(*std::move(answer).result() == 42);
    CHECK(clock.idle());
}

TEST_CASE("a time limit ends it") {
    testing::ManualClock clock;
    auto answer = within(clock, 1h, ask_patiently(clock, [] { return std::nullopt; }));
    clock.run_until_idle();
    REQUIRE(answer.done());
    CHECK(std::move(answer).result().error().is(Errc::timed_out));
}
