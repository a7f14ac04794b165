#include "bine/http/fields.h"

#include <doctest/doctest.h>

#include <string>

#include "bine/base/error.h"

namespace bine::http {
namespace {

TEST_CASE("fields are added, replaced and removed, whatever the case of their names") {
    Fields fields;
    fields.add("A", "1");
    fields.add("b", "2");
    fields.add("a", "3");
    fields.add("Empty", "");
    CHECK(fields.lines() == "A: 1\r\nb: 2\r\na: 3\r\nEmpty: \r\n");
    CHECK(fields.value("a") == "1");
    CHECK(fields.value("none").empty());
    fields.set("B", fields.value("b"));
    CHECK(fields.lines() == "A: 1\r\na: 3\r\nEmpty: \r\nB: 2\r\n");
    fields.remove("A");
    CHECK(fields.lines() == "Empty: \r\nB: 2\r\n");
    CHECK_FALSE(fields.has("a"));
    fields.set("B", 18446744073709551615u);
    CHECK(fields.value("b") == "18446744073709551615");
    std::string seen;
    fields.for_each([&seen](std::string_view name, std::string_view value) {
        seen.append(name).append("|").append(value).append(";");
    });
    CHECK(seen == "Empty|;B|18446744073709551615;");
}

TEST_CASE("fixed lines may be changed like any other") {
    static constexpr std::string_view kLines = "Content-Type: text/plain\r\nB: 2\r\n";
    Fields fields;
    fields.add_fixed(kLines);
    CHECK(fields.lines().data() == kLines.data());
    Fields moved = std::move(fields);
    moved.add("C", "3");
    moved.add_fixed("D: 4\r\n");
    CHECK(moved.lines() == "Content-Type: text/plain\r\nB: 2\r\nC: 3\r\nD: 4\r\n");
    Fields other;
    other.add_fixed(kLines);
    other.remove("b");
    CHECK(other.lines() == "Content-Type: text/plain\r\n");
    other.set("content-type", "text/html");
    CHECK(other.lines() == "content-type: text/html\r\n");
    CHECK(kLines.starts_with("Content-Type: text/plain"));
}

TEST_CASE("many fields grow, and too many are refused") {
    Fields fields;
    for (int i = 0; i < 500; ++i) fields.add("Name-" + std::to_string(i), std::string(60, 'x'));
    CHECK(fields.value("name-499") == std::string(60, 'x'));
    CHECK_THROWS_AS(fields.add("Long", std::string(70000, 'x')), Error);
    CHECK_FALSE(fields.has("Long"));
}

TEST_CASE("what would break the message is refused") {
    Fields fields;
    CHECK_THROWS_AS(fields.add("A", "b\r\nC: d"), Error);
    CHECK_THROWS_AS(fields.add("A\r\nB", "c"), Error);
    CHECK_THROWS_AS(fields.add("A", std::string_view("\0", 1)), Error);
    CHECK_THROWS_AS(fields.set("Content-Length", 5), Error);
    CHECK_THROWS_AS(fields.add("transfer-encoding", "chunked"), Error);
    CHECK_THROWS_AS(fields.add("Connection", "close"), Error);
    CHECK(fields.empty());
}

TEST_CASE("moving takes the fields along") {
    Fields fields;
    fields.add("Date", "now");
    Fields other(std::move(fields));
    CHECK(other.has_date());
    CHECK(other.value("date") == "now");
    Fields third;
    third = std::move(other);
    CHECK(third.lines() == "Date: now\r\n");
    third.remove("date");
    CHECK_FALSE(third.has_date());
}

}  // namespace
}  // namespace bine::http
