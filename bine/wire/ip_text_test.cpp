#include "bine/wire/ip_text.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <cstring>
#include <string>

using namespace bine::wire;

namespace {

std::string again4(std::string_view text) {
    const auto address = try_parse_ipv4(text);
    return address ? to_text(*address) : "none";
}

std::string again6(std::string_view text) {
    const auto address = try_parse_ipv6(text);
    return address ? to_text(*address) : "none";
}

}  // namespace

TEST_CASE("an IPv4 address is four plain numbers") {
    CHECK(again4("0.0.0.0") == "0.0.0.0");
    CHECK(again4("192.168.1.254") == "192.168.1.254");
    CHECK(again4("255.255.255.255") == "255.255.255.255");
    for (std::string_view bad : {"",
                                 "1",
                                 "1.2.3",
                                 "1.2.3.4.5",
                                 "256.1.1.1",
                                 "1.2.3.256",
                                 "01.2.3.4",
                                 "1.2.3.04",
                                 "00.0.0.0",
                                 "+1.2.3.4",
                                 "0x1.2.3.4",
                                 " 1.2.3.4",
                                 "1.2.3.4 ",
                                 "1..3.4",
                                 ".1.2.3",
                                 "1.2.3.",
                                 "1,2,3,4",
                                 "1.2.3.-4",
                                 "1.2.3.99999999999999999999",
                                 "a.b.c.d"}) {
        CAPTURE(bad);
        CHECK(again4(bad) == "none");
    }
}

TEST_CASE("an IPv6 address is written in its one canonical form") {
    CHECK(again6("::") == "::");
    CHECK(again6("::1") == "::1");
    CHECK(again6("1::") == "1::");
    CHECK(again6("2001:DB8:0:0:0:0:0:1") == "2001:db8::1");
    CHECK(again6("2001:0db8:0000:0000:0001:0000:0000:0001") == "2001:db8::1:0:0:1");
    CHECK(again6("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");
    CHECK(again6("1:2:3:4:5:6:7::") == "1:2:3:4:5:6:7:0");
    CHECK(again6("::2:3:4:5:6:7:8") == "0:2:3:4:5:6:7:8");
    CHECK(again6("0:0:1:0:0:0:1:0") == "0:0:1::1:0");
    CHECK(again6("::ffff:10.0.0.1") == "::ffff:10.0.0.1");
    CHECK(again6("::10.0.0.1") == "::a00:1");
    CHECK(again6("1:2:3:4:5:6:1.2.3.4") == "1:2:3:4:5:6:102:304");
    CHECK(again6("64:ff9b::192.0.2.33") == "64:ff9b::c000:221");
}

TEST_CASE("what is no IPv6 address is none") {
    for (std::string_view bad : {"",
                                 ":",
                                 ":::",
                                 "1",
                                 "1:2:3:4:5:6:7",
                                 "1:2:3:4:5:6:7:8:9",
                                 "1::2::3",
                                 ":1::2",
                                 "1:2:3:4:5:6:7:8::",
                                 "::1:2:3:4:5:6:7:8",
                                 "1:2:3:4:5:6:7:",
                                 ":1:2:3:4:5:6:7:8",
                                 "12345::",
                                 "g::",
                                 "::1%eth0",
                                 "[::1]",
                                 " ::1",
                                 "::1 ",
                                 "::1.2.3",
                                 "::1.2.3.04",
                                 "1:2:3:4:5:6:7:1.2.3.4",
                                 "1.2.3.4",
                                 "1.2.3.4::",
                                 "::1.2.3.4:1",
                                 "::+1",
                                 "::0x1",
                                 "1:2:3:4::5:6:7:1.2.3.4",
                                 "::1:"}) {
        CAPTURE(bad);
        CHECK(again6(bad) == "none");
    }
}

TEST_CASE("random texts are read as the system's own function reads them") {
    uint64_t state = 7;
    const auto random = [&](std::size_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::size_t>(state >> 33) % below;
    };
    static constexpr std::string_view kParts[] = {":", "::",    "0",  "1",   "ffff", "a0", "10.0.0.1",
                                                  ".", "12345", "00", "255", "256",  ":",  ":"};
    int accepted = 0;
    for (int i = 0; i < 200000; ++i) {
        std::string text;
        for (std::size_t n = random(17); n-- > 0;) text += kParts[random(std::size(kParts))];
        CAPTURE(text);
        Ipv6 six;
        Ipv4 four;
        const auto ours6 = try_parse_ipv6(text);
        const auto ours4 = try_parse_ipv4(text);
        REQUIRE(ours6.has_value() == (::inet_pton(AF_INET6, text.c_str(), six.data()) == 1));
        REQUIRE(ours4.has_value() == (::inet_pton(AF_INET, text.c_str(), four.data()) == 1));
        if (ours4) REQUIRE(*ours4 == four);
        if (!ours6) continue;
        REQUIRE(*ours6 == six);
        REQUIRE(try_parse_ipv6(to_text(six)) == six);
        ++accepted;
    }
    CHECK(accepted > 1000);
}
