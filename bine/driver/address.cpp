#include "bine/driver/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "bine/base/text.h"

namespace bine {

std::optional<Address> Address::try_parse_ip(std::string_view host, uint16_t port) {
    Address address;
    address.port_ = port;
    std::string text(host);
    if (::inet_pton(AF_INET, text.c_str(), address.ip_.data()) == 1) {
        address.family_ = Family::ipv4;
        return address;
    }
    if (const auto percent = text.find('%'); percent != text.npos) {
        const std::string zone = text.substr(percent + 1);
        const auto number = try_parse_decimal(zone, UINT32_MAX);
        address.scope_ = number ? static_cast<uint32_t>(*number) : ::if_nametoindex(zone.c_str());
        if (address.scope_ == 0) return std::nullopt;
        text.resize(percent);
    }
    if (::inet_pton(AF_INET6, text.c_str(), address.ip_.data()) != 1) return std::nullopt;
    address.family_ = Family::ipv6;
    return address;
}

Address Address::any_ipv4(uint16_t port) { return *try_parse_ip("0.0.0.0", port); }
Address Address::any_ipv6(uint16_t port) { return *try_parse_ip("::", port); }
Address Address::loopback(uint16_t port) { return *try_parse_ip("127.0.0.1", port); }

Address Address::unix_path(std::string_view path) {
    Address address;
    address.family_ = Family::local;
    address.path_ = SharedBytes::copy(path);
    return address;
}

Address Address::from_native(const sockaddr* native, unsigned length) {
    Address address;
    if (length >= sizeof(sockaddr_in) && native->sa_family == AF_INET) {
        const auto& in = reinterpret_cast<const sockaddr_in&>(*native);
        address.family_ = Family::ipv4;
        address.port_ = ntohs(in.sin_port);
        std::memcpy(address.ip_.data(), &in.sin_addr, 4);
    } else if (length >= sizeof(sockaddr_in6) && native->sa_family == AF_INET6) {
        const auto& in6 = reinterpret_cast<const sockaddr_in6&>(*native);
        address.family_ = Family::ipv6;
        address.port_ = ntohs(in6.sin6_port);
        address.scope_ = in6.sin6_scope_id;
        std::memcpy(address.ip_.data(), &in6.sin6_addr, 16);
    } else if (length > offsetof(sockaddr_un, sun_path) && native->sa_family == AF_UNIX) {
        const auto& un = reinterpret_cast<const sockaddr_un&>(*native);
        std::string_view path(un.sun_path, length - offsetof(sockaddr_un, sun_path));
        if (path[0] != '\0') path = path.substr(0, path.find('\0'));
        address = unix_path(path);
    }
    return address;
}

unsigned Address::to_native(sockaddr* native) const noexcept {
    switch (family_) {
        case Family::none: return 0;
        case Family::ipv4: {
            sockaddr_in in{};
            in.sin_family = AF_INET;
            in.sin_port = htons(port_);
            std::memcpy(&in.sin_addr, ip_.data(), 4);
            std::memcpy(native, &in, sizeof in);
            return sizeof in;
        }
        case Family::ipv6: {
            sockaddr_in6 in6{};
            in6.sin6_family = AF_INET6;
            in6.sin6_port = htons(port_);
            in6.sin6_scope_id = scope_;
            std::memcpy(&in6.sin6_addr, ip_.data(), 16);
            std::memcpy(native, &in6, sizeof in6);
            return sizeof in6;
        }
        case Family::local: {
            sockaddr_un un{};
            un.sun_family = AF_UNIX;
            const std::string_view name = path();
            const std::size_t size = std::min(name.size(), sizeof un.sun_path - 1);
            std::memcpy(un.sun_path, name.data(), size);
            std::memcpy(native, &un, sizeof un);
            const bool abstract = !name.empty() && name[0] == '\0';
            return static_cast<unsigned>(offsetof(sockaddr_un, sun_path) + size + (abstract ? 0 : 1));
        }
    }
    return 0;
}

bool Address::is_loopback() const noexcept {
    static constexpr std::array<uint8_t, 16> kLoopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return (family_ == Family::ipv4 && ip_[0] == 127) || (family_ == Family::ipv6 && ip_ == kLoopback6);
}

Address Address::with_port(uint16_t port) const {
    Address copy = *this;
    copy.port_ = port;
    return copy;
}

std::string_view Address::ip_bytes() const noexcept {
    const std::size_t size = family_ == Family::ipv4 ? 4 : family_ == Family::ipv6 ? 16 : 0;
    return {reinterpret_cast<const char*>(ip_.data()), size};
}

std::string Address::host() const {
    char text[INET6_ADDRSTRLEN] = "";
    switch (family_) {
        case Family::none: return "";
        case Family::ipv4: return ::inet_ntop(AF_INET, ip_.data(), text, sizeof text);
        case Family::ipv6: {
            std::string host = ::inet_ntop(AF_INET6, ip_.data(), text, sizeof text);
            if (scope_ != 0) host += "%" + std::to_string(scope_);
            return host;
        }
        case Family::local: break;
    }
    std::string name(path());
    if (!name.empty() && name[0] == '\0') name[0] = '@';
    return name;
}

std::string Address::to_string() const {
    switch (family_) {
        case Family::none: return "unnamed";
        case Family::ipv4: return host() + ":" + std::to_string(port_);
        case Family::ipv6: return "[" + host() + "]:" + std::to_string(port_);
        case Family::local: return "unix:" + host();
    }
    return "unnamed";
}

bool operator==(const Address& a, const Address& b) noexcept {
    return a.family_ == b.family_ && a.port_ == b.port_ && a.scope_ == b.scope_ && a.ip_ == b.ip_ &&
           a.path() == b.path();
}

}  // namespace bine
