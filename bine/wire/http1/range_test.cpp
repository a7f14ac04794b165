#include "bine/wire/http1/range.h"

#include <doctest/doctest.h>

#include <string>

namespace bine::http1 {
namespace {

std::string shown(std::string_view field, uint64_t size) {
    const ByteRange range = ByteRange::parse(field, size);
    if (range.kind == ByteRange::Kind::none) return "none";
    if (range.kind == ByteRange::Kind::unsatisfiable) return "unsatisfiable";
    return std::to_string(range.offset) + "+" + std::to_string(range.length);
}

TEST_CASE("a range of bytes is clipped to what there is") {
    CHECK(shown("bytes=0-499", 1000) == "0+500");
    CHECK(shown("bytes=500-", 1000) == "500+500");
    CHECK(shown("bytes=-200", 1000) == "800+200");
    CHECK(shown("bytes=-2000", 1000) == "0+1000");
    CHECK(shown("bytes=999-", 1000) == "999+1");
    CHECK(shown("bytes=0-99999999999999999999999", 1000) == "0+1000");
    CHECK(shown("Bytes= 0-0 ", 1000) == "0+1");
}

TEST_CASE("a range beyond the end cannot be had") {
    CHECK(shown("bytes=1000-", 1000) == "unsatisfiable");
    CHECK(shown("bytes=99999999999999999999999-", 1000) == "unsatisfiable");
    CHECK(shown("bytes=-0", 1000) == "unsatisfiable");
    CHECK(shown("bytes=0-", 0) == "unsatisfiable");
    CHECK(shown("bytes=-5", 0) == "unsatisfiable");
}

TEST_CASE("anything else is no range") {
    for (const std::string_view field :
         {"", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=5-4", "bytes=a-b", "bytes=+1-2", "bytes=1--2",
          "bytes=0-1,3-4", "bytes=1 -2", "items=0-1", "bytes:0-1", "bytes=-+5", "bytes=0x1-0x2"}) {
        CAPTURE(field);
        CHECK(shown(field, 1000) == "none");
    }
}

}  // namespace
}  // namespace bine::http1
