#include "bine/wire/http1/target.h"

#include <doctest/doctest.h>

namespace bine::http1 {
namespace {

TEST_CASE("percent-encoding is strict when it is undone") {
    CHECK(percent_decode("a%20b%2Fc%zZ") == std::nullopt);
    CHECK(percent_decode("a%20b%2fc") == "a b/c");
    CHECK(percent_decode("%") == std::nullopt);
    CHECK(percent_decode("%4") == std::nullopt);
    CHECK(percent_decode("%+1") == std::nullopt);
    CHECK(percent_decode("%00") == std::string(1, '\0'));
    CHECK(percent_decode("+") == "+");
    CHECK(percent_encode("a b/\xc3\xa4~") == "a%20b%2F%C3%A4~");
    CHECK(percent_encode("/a b/", true) == "/a%20b/");
}

TEST_CASE("every byte survives encoding") {
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    CHECK(percent_decode(percent_encode(all)) == all);
    CHECK(percent_decode(percent_encode(all, true)) == all);
}

TEST_CASE("a path is decoded and its dots are resolved") {
    CHECK(decode_path("/") == "/");
    CHECK(decode_path("/a/b") == "/a/b");
    CHECK(decode_path("/a%20b") == "/a b");
    CHECK(decode_path("/a/./b") == "/a/b");
    CHECK(decode_path("/a/../b") == "/b");
    CHECK(decode_path("/a/..") == "/");
    CHECK(decode_path("/a/.") == "/a/");
    CHECK(decode_path("/a/b/../") == "/a/");
    CHECK(decode_path("/..") == "/");
    CHECK(decode_path("/../../etc/passwd") == "/etc/passwd");
    CHECK(decode_path("/%2e%2E/%2e/etc") == "/etc");
    CHECK(decode_path("/a/.%2e/b") == "/b");
    CHECK(decode_path("/...") == "/...");
    CHECK(decode_path("/a..b/.c") == "/a..b/.c");
    CHECK(decode_path("//a//b") == "//a//b");
    CHECK(decode_path("/a//../b") == "/a/b");
}

TEST_CASE("a normalized path keeps what is encoded for a reason") {
    CHECK(normalize_path("/%61%2Fb/%2e%2e/c%20d/%C3%A4") == "/c%20d/%C3%A4");
    CHECK(normalize_path("/a%2fb") == "/a%2fb");
    CHECK(normalize_path("/a%00") == "/a%00");
    CHECK_FALSE(normalize_path("/a%0").has_value());
}

TEST_CASE("a path that cannot be is refused") {
    for (const std::string_view path : {"", "a", "*", "./a", "/%", "/%4", "/%gg", "/%00", "/a%2fb", "/%2F..", "%2f"}) {
        CAPTURE(path);
        CHECK_FALSE(decode_path(path).has_value());
    }
}

TEST_CASE("a plain path is its own decoding") {
    for (const std::string_view path : {"/", "/a", "/a/", "/a.b", "/.a", "/a./", "/...", "//", "/a/..b"}) {
        CAPTURE(path);
        CHECK(is_plain_path(path));
        CHECK(decode_path(path) == path);
    }
    for (const std::string_view path : {"/.", "/..", "/./a", "/../a", "/a/..", "/a/.", "/%41"}) {
        CAPTURE(path);
        CHECK_FALSE(is_plain_path(path));
    }
}

TEST_CASE("a query is a list of names and values") {
    std::string seen;
    for (Query query("a=1&b=&c&&=d&e=f=g&"); const auto item = query.next();) {
        seen += "[" + std::string(item->name) + "|" + std::string(item->value) + "]";
    }
    CHECK(seen == "[a|1][b|][c|][|d][e|f=g]");
    CHECK_FALSE(Query("").next().has_value());
    CHECK(Query::decode("a+b%20c%2") == "a b c%2");
    CHECK(Query::decode("100%") == "100%");
}

}  // namespace
}  // namespace bine::http1
