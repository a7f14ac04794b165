#include "bine/http/input_buffer.h"

#include <doctest/doctest.h>

#include <string>

namespace bine::http {
namespace {

TEST_CASE("what is appended is there until it is taken from the front") {
    InputBuffer buffer;
    std::string expected;
    uint64_t chance = 1;
    for (int i = 0; i < 5000; ++i) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        if (chance >> 63) {
            const std::string bytes((chance >> 40) % 3000, static_cast<char>('a' + i % 26));
            buffer.append(bytes);
            expected += bytes;
        } else {
            const std::size_t left = expected.empty() ? 0 : (chance >> 40) % (expected.size() + 1);
            buffer.keep_last(left);
            expected.erase(0, expected.size() - left);
        }
        REQUIRE(buffer.view() == expected);
        REQUIRE(buffer.empty() == expected.empty());
    }
}

TEST_CASE("swapping exchanges the contents") {
    InputBuffer a;
    InputBuffer b;
    a.append("one");
    a.swap(b);
    CHECK(a.empty());
    CHECK(b.view() == "one");
}

}  // namespace
}  // namespace bine::http
