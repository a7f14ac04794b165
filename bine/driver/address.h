// Where a socket is: an IP address and port, or a Unix path. A value; no name is ever looked up here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bine/base/shared_bytes.h"

struct sockaddr;

namespace bine {

class Address {
public:
    enum class Family : uint8_t { none, ipv4, ipv6, local };  // local: a Unix path

    // No address: an unnamed Unix peer, standard input.
    Address() = default;
    // `host` is an IP literal ("127.0.0.1", "::1", "fe80::1%eth0"); nothing when it is not.
    static std::optional<Address> try_parse_ip(std::string_view host, uint16_t port);
    static Address any_ipv4(uint16_t port);
    static Address any_ipv6(uint16_t port);
    static Address loopback(uint16_t port);
    // A path, or with a leading NUL byte a name in Linux's abstract space. At most 107 bytes.
    static Address unix_path(std::string_view path);

    static Address from_native(const sockaddr* native, unsigned length);
    // Writes at most 128 bytes, a sockaddr_storage; returns how many, 0 for no address.
    unsigned to_native(sockaddr* native) const noexcept;

    Family family() const noexcept { return family_; }
    bool is_ip() const noexcept { return family_ == Family::ipv4 || family_ == Family::ipv6; }
    bool is_loopback() const noexcept;
    uint16_t port() const noexcept { return port_; }
    Address with_port(uint16_t port) const;
    // The four or sixteen bytes of an IP address, in network order.
    std::string_view ip_bytes() const noexcept;
    std::string_view path() const noexcept { return path_.view(); }

    // "127.0.0.1", "::1", "/run/x", "@abstract", "" - without the port.
    std::string host() const;
    // "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unnamed".
    std::string to_string() const;

    friend bool operator==(const Address& a, const Address& b) noexcept;

private:
    Family family_ = Family::none;
    uint16_t port_ = 0;
    uint32_t scope_ = 0;
    std::array<uint8_t, 16> ip_{};
    SharedBytes path_{};
};

}  // namespace bine
