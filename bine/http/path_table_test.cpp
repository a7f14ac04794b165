#include "bine/http/path_table.h"

#include <doctest/doctest.h>

#include <deque>

namespace bine::http {
namespace {

TEST_CASE("a path table finds what was put in, and nothing else") {
    PathTable<int> table;
    CHECK(table.find("/") == nullptr);
    std::deque<int> values;
    for (int i = 0; i < 1000; ++i) {
        const std::string number = std::to_string(i);
        table.put("/" + number, values.emplace_back(i));
        table.put("/items/" + number + "/details", values.emplace_back(-i));
    }
    for (int i = 0; i < 1000; ++i) {
        const std::string number = std::to_string(i);
        REQUIRE(table.find("/" + number) != nullptr);
        CHECK(*table.find("/" + number) == i);
        REQUIRE(table.find("/items/" + number + "/details") != nullptr);
        CHECK(*table.find("/items/" + number + "/details") == -i);
        CHECK(table.find("/items/" + number + "/detail") == nullptr);
        CHECK(table.find("/items/" + number) == nullptr);
    }
    CHECK(table.find("") == nullptr);
    CHECK(table.find("/1000") == nullptr);
}

TEST_CASE("a path table tells paths apart that have their ends in common") {
    PathTable<int> table;
    int first = 1;
    int second = 2;
    table.put("/beginning/a/end/end", first);
    table.put("/beginning/b/end/end", second);
    CHECK(table.find("/beginning/a/end/end") == &first);
    CHECK(table.find("/beginning/b/end/end") == &second);
    CHECK(table.find("/beginning/c/end/end") == nullptr);
}

}  // namespace
}  // namespace bine::http
