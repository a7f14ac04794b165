#include "bine/names/address_order.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace bine::names {

namespace {

using Bytes = std::array<uint8_t, 16>;

constexpr int kLinkLocal = 2;
constexpr int kSiteLocal = 5;
constexpr int kGlobal = 14;

// An IPv4 address as the IPv6 address that stands for it.
Bytes bytes_of(const Address& address) {
    Bytes bytes{};
    const std::string_view ip = address.ip_bytes();
    if (ip.size() == 4) bytes[10] = bytes[11] = 0xff;
    std::copy(ip.begin(), ip.end(), bytes.end() - static_cast<std::ptrdiff_t>(ip.size()));
    return bytes;
}

int shared_bits(const Bytes& a, const Bytes& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto differing = static_cast<uint8_t>(a[i] ^ b[i]);
        if (differing) return static_cast<int>(i) * 8 + std::countl_zero(differing);
    }
    return 128;
}

struct Policy {
    Bytes prefix;
    int bits;
    int precedence;
    int label;
};

// RFC 6724, section 2.1; longer prefixes first.
constexpr std::array<Policy, 9> kPolicies = {{
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, 50, 0},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 35, 4},
    {{}, 96, 1, 3},
    {{0x20, 0x01}, 32, 5, 5},
    {{0x20, 0x02}, 16, 30, 2},
    {{0x3f, 0xfe}, 16, 1, 12},
    {{0xfe, 0xc0}, 10, 1, 11},
    {{0xfc}, 7, 3, 13},
    {{}, 0, 40, 1},
}};

const Policy& policy_of(const Bytes& bytes) {
    return *std::find_if(kPolicies.begin(), kPolicies.end(),
                         [&](const Policy& policy) { return shared_bits(policy.prefix, bytes) >= policy.bits; });
}

int scope_of(const Address& address) {
    const std::string_view ip = address.ip_bytes();
    const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(ip[i]); };
    if (address.is_loopback()) return kLinkLocal;
    if (ip.size() == 4) return byte(0) == 169 && byte(1) == 254 ? kLinkLocal : kGlobal;
    if (byte(0) == 0xfe && (byte(1) & 0xc0) == 0x80) return kLinkLocal;
    if (byte(0) == 0xfe && (byte(1) & 0xc0) == 0xc0) return kSiteLocal;
    if (byte(0) == 0xff) return byte(1) & 15;
    return kGlobal;
}

// What the rules look at, each so that the smaller one goes first.
using Key = std::array<int, 6>;

Key key_of(const Destination& destination) {
    if (!destination.source.is_ip()) return {1, 0, 0, 0, 0, 0};  // rule 1
    const Bytes to = bytes_of(destination.address);
    const Bytes from = bytes_of(destination.source);
    const Policy& policy = policy_of(to);
    const int scope = scope_of(destination.address);
    // Rule 9 is for IPv6 alone: prefixes of IPv4 addresses tell nothing about distance.
    const bool by_prefix = destination.address.family() == Address::Family::ipv6;
    return {0,
            scope == scope_of(destination.source) ? 0 : 1,  // rule 2
            policy.label == policy_of(from).label ? 0 : 1,  // rule 5
            -policy.precedence,                             // rule 6
            scope,                                          // rule 8
            by_prefix ? -std::min(shared_bits(to, from), 64) : 0};
}

}  // namespace

void sort_destinations(std::vector<Destination>& destinations) {
    std::vector<std::pair<Key, std::size_t>> order;
    order.reserve(destinations.size());
    for (const Destination& one : destinations) order.emplace_back(key_of(one), order.size());
    std::sort(order.begin(), order.end());
    std::vector<Destination> sorted;
    sorted.reserve(destinations.size());
    for (const auto& [key, place] : order) sorted.push_back(std::move(destinations[place]));
    destinations = std::move(sorted);
}

}  // namespace bine::names
