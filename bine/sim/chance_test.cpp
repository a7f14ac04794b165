#include "bine/sim/chance.h"

#include <doctest/doctest.h>

#include "bine/base/error.h"
#include "bine/sim/scenario.h"

namespace bine::sim {
namespace {

Choices draw(Chance chance, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) chance.choose(i + 2);
    return chance.made();
}

TEST_CASE("a seed gives its choices, and they are a run that can be given again") {
    const Choices first = draw(Chance(7), 100);
    CHECK(first == draw(Chance(7), 100));
    CHECK(first != draw(Chance(8), 100));
    CHECK(first == draw(Chance(7, first), 100));
    // The very numbers, which no machine and no compiler may change.
    CHECK(Choices(first.begin(), first.begin() + 6) == Choices{1, 0, 2, 3, 4, 6});
}

TEST_CASE("behind the end of a list every choice is the plainest, and no choice is out of range") {
    CHECK(draw(Chance(1, {1, 0, 3}), 5) == Choices{1, 0, 3, 0, 0});
    CHECK(draw(Chance(1, {5, 7}), 2) == Choices{1, 1});
}

TEST_CASE("choices are passed on as text") {
    const Choices choices{0, 3, 0, 0, 250};
    CHECK(to_text(choices) == "1=3 4=250");
    CHECK(parse_choices("1=3 4=250") == choices);
    CHECK(parse_choices("").empty());
    for (const char* const wrong : {"x", "1", "1=", "=1", "1=x", "1=2,3=4", "99999999999=1"}) {
        CHECK_THROWS_AS(parse_choices(wrong), Error);
    }
}

TEST_CASE("a failing list is made as plain as it can be") {
    std::size_t asked = 0;
    const auto fails = [&asked](const Choices& tried) {
        ++asked;
        return tried[17] == 4 && tried[60] >= 2;
    };
    Choices choices(1000, 3);
    choices[17] = 4;
    const Choices plain = shrink(choices, fails, 5000);
    CHECK(to_text(plain) == "17=4 60=3");
    CHECK(asked < 200);
    CHECK(shrink(choices, fails, 0) == choices);
    CHECK(shrink(choices, [](const Choices&) { return true; }, 10).empty());
}

}  // namespace
}  // namespace bine::sim
