// IP addresses as text: strict reading, canonical writing (RFC 5952). Plain bytes in network order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bine::wire {

using Ipv4 = std::array<uint8_t, 4>;
using Ipv6 = std::array<uint8_t, 16>;

// Four numbers from 0 to 255 without leading zeros, and nothing else.
std::optional<Ipv4> try_parse_ipv4(std::string_view text) noexcept;
// Eight groups of one to four hexadecimal digits, one "::" for one group of zeros or more; the last two groups may be an
// IPv4 address. No zone, no brackets.
std::optional<Ipv6> try_parse_ipv6(std::string_view text) noexcept;

std::string to_text(const Ipv4& address);
std::string to_text(const Ipv6& address);

}  // namespace bine::wire
