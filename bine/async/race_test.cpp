#include "bine/async/race.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace bine;

TEST_CASE("the first result wins and cancels the others") {
    Promise<int> number;
    Promise<std::string> text;
    Promise<> nothing;
    int cancelled = 0;
    number.on_cancel([&]() noexcept { ++cancelled; });
    nothing.on_cancel([&]() noexcept { ++cancelled; });
    auto first = race(number.deferred(), text.deferred(), nothing.deferred());
    std::move(text).resolve("won");
    CHECK(cancelled == 2);
    const auto winner = std::move(first).result();
    REQUIRE(winner.has_value());
    CHECK(winner->index() == 1);
    CHECK(std::get<1>(*winner) == "won");
}

TEST_CASE("when several are there at once the first argument wins") {
    auto first = race(ready(1), ready(2));
    CHECK(std::move(first).result().value().index() == 0);
}

TEST_CASE("an error wins as a value does") {
    Promise<int> a, b;
    auto first = race(a.deferred(), b.deferred());
    std::move(b).fail(Errc::closed, "gone");
    CHECK(std::move(first).result().error().text() == "gone");
    CHECK_FALSE(a.wanted());
}

TEST_CASE("one that ends cancelled is out; when all are, the race is cancelled") {
    Promise<int> a, b;
    auto first = race(a.deferred(), b.deferred());
    {
        const Promise<int> gone = std::move(a);
    }
    CHECK_FALSE(first.done());
    {
        const Promise<int> gone = std::move(b);
    }
    CHECK(std::move(first).result().error().is(Errc::cancelled));
}

TEST_CASE("a race of a vector says who won") {
    std::vector<Promise<std::unique_ptr<int>>> promises(3);
    std::vector<Deferred<std::unique_ptr<int>>> runners;
    for (auto& promise : promises) runners.push_back(promise.deferred());
    auto first = race(std::move(runners));
    std::move(promises[2]).resolve(std::make_unique<int>(7));
    auto winner = std::move(first).result();
    REQUIRE(winner.has_value());
    CHECK(winner->index == 2);
    CHECK(*winner->value == 7);
    CHECK(std::move(race(std::vector<Deferred<>>())).result().error().is(Errc::cancelled));
}

TEST_CASE("dropping the race cancels the runners") {
    Promise<int> a;
    Promise<> b;
    {
        auto first = race(a.deferred(), b.deferred());
    }
    CHECK_FALSE(a.wanted());
    CHECK_FALSE(b.wanted());
}
