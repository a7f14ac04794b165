#include "bine/wire/crc32c.h"

#include <doctest/doctest.h>

#include <string>

using namespace bine::wire;

TEST_CASE("CRC-32C agrees with the vectors of RFC 3720") {
    CHECK(crc32c("") == 0);
    CHECK(crc32c("123456789") == 0xe3069283u);
    CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
    CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
    std::string up;
    for (char c = 0; c < 32; ++c) up += c;
    CHECK(crc32c(up) == 0x46dd794eu);
}

TEST_CASE("CRC-32C of two parts is that of the whole") {
    CHECK(crc32c("6789", crc32c("12345")) == crc32c("123456789"));
}
