// The PROXY protocol, versions 1 and 2: how a proxy tells, in front of a connection's bytes, whose connection it is.
// After the specification by HAProxy (proxy-protocol.txt, 2020). One thread; see protocol.h for the lifetime of events.
//
// One header is read, of either version, and then nothing more: what is left of the input belongs to the next protocol.
// Never read it from peers that are not known to be proxies: anybody can write one.
//
// Strict where confusion would be dangerous: a version 1 line is at most 107 bytes with single spaces and plain numbers;
// version 2 takes only the families that the specification names, wants room for the addresses, whole TLVs, and a right
// checksum where there is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/wire/protocol.h"

namespace bine::wire {

// An IP address as text and a port; or a Unix path without one, a NUL byte in front for the abstract space.
struct ProxyAddress {
    std::string host;
    uint16_t port = 0;
    friend bool operator==(const ProxyAddress&, const ProxyAddress&) = default;
};

struct ProxyHeader {
    enum class Transport : uint8_t { unknown, tcp4, udp4, tcp6, udp6, unix_stream, unix_datagram };

    uint8_t version = 2;
    // The proxy's own connection, a health check (LOCAL): nobody stands behind it.
    bool local = false;
    // Unknown, also for every LOCAL one: use the addresses of the connection itself.
    Transport transport = Transport::unknown;
    ProxyAddress source{};       // the client
    ProxyAddress destination{};  // where the client connected to
    // Type, length, value, again and again; see try_take_tlv. Version 2 with a known transport only.
    std::string_view tlvs{};
};

struct ProxyTlv {
    static constexpr uint8_t kAlpn = 0x01;
    static constexpr uint8_t kAuthority = 0x02;  // the host name that the client asked for (SNI)
    static constexpr uint8_t kChecksum = 0x03;
    static constexpr uint8_t kNoop = 0x04;
    static constexpr uint8_t kUniqueId = 0x05;
    static constexpr uint8_t kSsl = 0x20;
    static constexpr uint8_t kSslVersion = 0x21;
    static constexpr uint8_t kSslCommonName = 0x22;
    static constexpr uint8_t kSslCipher = 0x23;
    static constexpr uint8_t kSslSignature = 0x24;
    static constexpr uint8_t kSslKey = 0x25;
    static constexpr uint8_t kNetworkNamespace = 0x30;

    uint8_t type = 0;
    std::string_view value{};
};

// Takes the first TLV from the front of `tlvs`; nothing when it is empty or cut short.
std::optional<ProxyTlv> try_take_tlv(std::string_view& tlvs) noexcept;
// The value of the first TLV of this type.
std::optional<std::string_view> try_find_tlv(std::string_view tlvs, uint8_t type) noexcept;
// Errors: invalid_argument when the value is longer than 65535 bytes.
Result<> append_tlv(std::string& tlvs, uint8_t type, std::string_view value);

// The value of a kSsl TLV.
struct ProxySsl {
    bool tls = false;                        // the client came over TLS
    bool certificate_on_connection = false;  // and showed a certificate on this connection
    bool certificate_in_session = false;     // or on another one of its TLS session
    bool verified = false;                   // which was found to be good
    std::string_view tlvs{};                 // kSslVersion and so on
};
std::optional<ProxySsl> try_parse_ssl_tlv(std::string_view value) noexcept;

class ProxyProtocol {
public:
    static constexpr std::size_t kLongestV1 = 107;

    struct Options {
        std::size_t limit = 4096;  // bytes of a version 2 header behind its first 16
        bool checksum = false;     // add one to what is sent
    };

    using Event = ProxyHeader;
    using Message = ProxyHeader;

    ProxyProtocol() : ProxyProtocol(Options()) {}
    explicit ProxyProtocol(Options options) noexcept : options_(options) {}

    // One event, the header; then always need_more, taking nothing.
    Step next(std::string_view& input, Event& header);
    // Errors: end_of_stream when the header has not come.
    Result<> end();
    const Error& error() const noexcept { return failure_.error(); }

    // Errors: local_protocol for addresses that do not fit the transport, and for what version 1 cannot say (Unix, UDP,
    // TLVs). A checksum among the TLVs is computed anew. LOCAL is written as version 1's UNKNOWN.
    Result<> send(const ProxyHeader& header, Output& output) const;

private:
    Step next_v1(std::string_view& input, Event& header);
    Step next_v2(std::string_view& input, Event& header);
    Step refuse(std::string_view why, Place place = Place::current()) {
        return failure_.set(Errc::remote_protocol, why, place);
    }

    Options options_;
    std::size_t scanned_ = 0;  // bytes of a version 1 line that hold no CR LF
    bool done_ = false;
    Failure failure_;
};

}  // namespace bine::wire
