#include "bine/base/function.h"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

using namespace bine;

namespace {

int twice(int number) { return 2 * number; }

// Counts the copies of itself that are alive, through every move.
struct Tally {
    explicit Tally(int& count) : alive(&count) { ++*alive; }
    Tally(const Tally& other) : alive(other.alive) { ++*alive; }
    Tally(Tally&& other) noexcept : alive(other.alive) { ++*alive; }
    ~Tally() { --*alive; }
    int* alive;
};

}  // namespace

TEST_CASE("a Function holds functions, lambdas and what can only be moved") {
    Function<int(int)> function = twice;
    CHECK(function(21) == 42);
    function = [](int number) { return number + 1; };
    CHECK(function(1) == 2);
    function = [owned = std::make_unique<int>(5)](int number) { return *owned + number; };
    CHECK(function(1) == 6);
}

TEST_CASE("an empty Function says so, and moves leave one empty") {
    Function<void()> empty;
    CHECK(!empty);
    CHECK(!Function<void()>(nullptr));
    Function<void()> full = [] {};
    CHECK(full);
    Function<void()> taken = std::move(full);
    CHECK(!full);  // NOLINT(bugprone-use-after-move)
    CHECK(taken);
    taken = nullptr;
    CHECK(!taken);
    Function<void()> from_empty = std::move(empty);
    CHECK(!from_empty);
}

TEST_CASE("small and large callables are destroyed exactly once") {
    int alive = 0;
    {
        Function<int()> small = [tally = Tally(alive)] { return *tally.alive; };
        Function<int()> large = [tally = Tally(alive), padding = std::array<char, 100>{}] {
            return *tally.alive + padding[0];
        };
        CHECK(alive == 2);
        CHECK(small() == 2);
        CHECK(large() == 2);
        Function<int()> moved = std::move(small);
        Function<int()> also = std::move(large);
        CHECK(alive == 2);
        moved = std::move(also);
        CHECK(alive == 1);
        CHECK(moved() == 1);
        Function<int()>& same = moved;
        moved = std::move(same);
        CHECK(moved);
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}

TEST_CASE("arguments are passed on as they came") {
    Function<std::unique_ptr<int>(std::unique_ptr<int>)> pass = [](std::unique_ptr<int> p) { return p; };
    CHECK(*pass(std::make_unique<int>(7)) == 7);

    Function<void(std::string&)> change = [](std::string& text) { text += "!"; };
    std::string text = "hey";
    change(text);
    CHECK(text == "hey!");

    int copies = 0;
    Function<void(Tally)> by_value = [&copies](Tally tally) { copies = *tally.alive; };
    int alive = 0;
    by_value(Tally(alive));
    CHECK(alive == 0);
    CHECK(copies <= 2);
}

TEST_CASE("a Function of no result drops the result of its callable") {
    int called = 0;
    Function<void()> function = [&called] { return ++called; };
    function();
    CHECK(called == 1);
}

TEST_CASE("state inside a callable lasts from call to call") {
    Function<int()> counter = [n = 0]() mutable { return ++n; };
    counter();
    Function<int()> moved = std::move(counter);
    CHECK(moved() == 2);
}

TEST_CASE("an exception passes through, and one in the callable's constructor leaves the Function empty") {
    Function<void()> throwing = [] { throw std::runtime_error("no"); };
    CHECK_THROWS_AS(throwing(), std::runtime_error);

    struct Reluctant {
        Reluctant() = default;
        Reluctant(const Reluctant&) { throw std::runtime_error("not copied"); }
        void operator()() const {}
    };
    const Reluctant reluctant;
    CHECK_THROWS_AS(Function<void()>{reluctant}, std::runtime_error);
}

TEST_CASE("a callable that may throw when moved is kept outside and moves safely") {
    struct Grumpy {
        Grumpy() = default;
        Grumpy(const Grumpy&) = default;
        Grumpy(Grumpy&&) {}  // NOLINT(performance-noexcept-move-constructor)
        int operator()() const { return 3; }
    };
    Function<int()> function = Grumpy();
    Function<int()> moved = std::move(function);
    CHECK(moved() == 3);
    static_assert(std::is_nothrow_move_constructible_v<Function<int()>>);
    static_assert(!std::is_copy_constructible_v<Function<int()>>);
}
