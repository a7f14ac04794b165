#include "bine/wire/http1/list.h"

#include <doctest/doctest.h>

#include <string>

namespace bine::http1 {
namespace {

std::string shown(std::string_view text) {
    std::string seen;
    ListReader list(text);
    while (const auto element = list.next()) seen += "[" + std::string(*element) + "]";
    return list.has_empty_element() ? seen + "!" : seen;
}

TEST_CASE("a list is parted at commas") {
    CHECK(shown("").empty());
    CHECK(shown("a") == "[a]");
    CHECK(shown(" a ,\tb c") == "[a][b c]");
    CHECK(shown("\"a,b\", c") == "[\"a,b\"][c]");
    CHECK(shown("\"a\\\",b\",c") == "[\"a\\\",b\"][c]");
    CHECK(shown("\"open, c") == "[\"open, c]");
}

TEST_CASE("empty elements are skipped and told") {
    CHECK(shown("a,,b") == "[a][b]!");
    CHECK(shown(",a") == "[a]!");
    CHECK(shown("a,") == "[a]!");
    CHECK(shown("a, ") == "[a]!");
    CHECK(shown(",") == "!");
}

TEST_CASE("a list has an element, whatever its case") {
    CHECK(list_has("gzip, BR", "br"));
    CHECK_FALSE(list_has("gzip;q=0, brx", "br"));
}

}  // namespace
}  // namespace bine::http1
