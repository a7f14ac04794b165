#include "bine/compression/coding.h"

#include <doctest/doctest.h>

using namespace bine;
using namespace bine::compression;

TEST_CASE("codings have names") {
    CHECK(name_of(Coding::gzip) == "gzip");
    CHECK(name_of(Coding::brotli) == "br");
    CHECK(try_parse_coding("GZIP") == Coding::gzip);
    CHECK(try_parse_coding("x-gzip") == Coding::gzip);
    CHECK(try_parse_coding("zstd") == Coding::zstd);
    CHECK(try_parse_coding("Deflate") == Coding::deflate);
    CHECK_FALSE(try_parse_coding("identity"));
    CHECK_FALSE(try_parse_coding(""));
    CHECK_FALSE(try_parse_coding("gzipp"));
}

TEST_CASE("Content-Encoding lists codings in the order in which they were applied") {
    using Codings = std::vector<Coding>;
    CHECK(parse_content_encoding("gzip").value() == Codings{Coding::gzip});
    CHECK(parse_content_encoding(" gzip ,\tBR,, identity ,").value() == Codings{Coding::gzip, Coding::brotli});
    CHECK(parse_content_encoding("").value().empty());
    CHECK(parse_content_encoding("identity").value().empty());
}

TEST_CASE("unknown codings and long lists are refused") {
    const auto unknown = parse_content_encoding("gzip, compress\x1b");
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().is(Errc::unsupported));
    CHECK(unknown.error().text() ==
          "the content coding \"compress\\x1b\" is unknown; gzip, deflate, br and zstd are known");
    CHECK(parse_content_encoding("gzip,gzip,gzip,gzip"));
    CHECK(parse_content_encoding("gzip,gzip,gzip,gzip,gzip").error().is(Errc::limit_exceeded));
}
