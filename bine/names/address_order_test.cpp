// The examples of RFC 6724, section 10.2, but for those with deprecated and home addresses.
#include "bine/names/address_order.h"

#include <doctest/doctest.h>

namespace bine::names {
namespace {

Address ip(const char* text) { return Address::try_parse_ip(text, 80).value_or(Address()); }

// The addresses in order; given as pairs of address and source.
std::string sorted(std::initializer_list<std::pair<const char*, const char*>> given) {
    std::vector<Destination> destinations;
    for (const auto& [address, source] : given) destinations.push_back({ip(address), ip(source)});
    sort_destinations(destinations);
    std::string text;
    for (const Destination& one : destinations) text += (text.empty() ? "" : " ") + one.address.host();
    return text;
}

TEST_CASE("what cannot be reached comes last") {
    CHECK(sorted({{"2001:db8::1", ""}, {"192.0.2.1", "192.0.2.9"}}) == "192.0.2.1 2001:db8::1");
}

TEST_CASE("a source of the same scope is preferred") {
    CHECK(sorted({{"2001:db8:1::1", "fe80::1"}, {"198.51.100.121", "198.51.100.117"}}) ==
          "198.51.100.121 2001:db8:1::1");
    CHECK(sorted({{"2001:db8:1::1", "2001:db8:1::2"}, {"198.51.100.121", "169.254.13.78"}}) ==
          "2001:db8:1::1 198.51.100.121");
}

TEST_CASE("higher precedence is preferred: native IPv6 to IPv4, IPv4 to 6to4 and Teredo") {
    CHECK(sorted({{"10.1.2.3", "10.1.2.4"}, {"2001:db8:1::1", "2001:db8:1::2"}}) == "2001:db8:1::1 10.1.2.3");
    CHECK(sorted({{"2002:c633:6401::1", "2002:c633:6401::2"}, {"10.1.2.3", "10.1.2.4"}}) ==
          "10.1.2.3 2002:c633:6401::1");
    CHECK(sorted({{"2001::1", "2001::2"}, {"10.1.2.3", "10.1.2.4"}}) == "10.1.2.3 2001::1");
}

TEST_CASE("a source with the same label is preferred") {
    CHECK(sorted({{"2001:db8:1::1", "2002:c633:6401::2"}, {"2002:c633:6401::1", "2002:c633:6401::2"}}) ==
          "2002:c633:6401::1 2001:db8:1::1");
}

TEST_CASE("smaller scope, then longer prefix, are preferred; prefixes of IPv4 do not count") {
    CHECK(sorted({{"2001:db8:1::1", "2001:db8:1::2"}, {"fe80::1", "fe80::2"}}) == "fe80::1 2001:db8:1::1");
    CHECK(sorted({{"2001:db8:3ffe::1", "2001:db8:1::2"}, {"2001:db8:1::1", "2001:db8:1::2"}}) ==
          "2001:db8:1::1 2001:db8:3ffe::1");
    CHECK(sorted({{"192.0.2.1", "10.1.2.3"}, {"10.1.2.9", "10.1.2.3"}}) == "192.0.2.1 10.1.2.9");
}

TEST_CASE("what is equal stays in order") {
    CHECK(sorted({{"192.0.2.3", "10.0.0.1"}, {"192.0.2.1", "10.0.0.1"}, {"192.0.2.2", "10.0.0.1"}}) ==
          "192.0.2.3 192.0.2.1 192.0.2.2");
    CHECK(sorted({{"::1", "::1"}, {"127.0.0.1", "127.0.0.1"}}) == "::1 127.0.0.1");
}

}  // namespace
}  // namespace bine::names
