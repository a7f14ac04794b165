#include "bine/wire/proxy_protocol.h"

#include <algorithm>
#include <array>

#include "bine/base/text.h"
#include "bine/wire/crc32c.h"
#include "bine/wire/ip_text.h"

namespace bine::wire {

namespace {

using Transport = ProxyHeader::Transport;
using namespace std::string_view_literals;

constexpr std::string_view kV1 = "PROXY ";
constexpr std::string_view kV2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kFixed = 16;  // bytes of a version 2 header in front of its addresses
constexpr std::size_t kUnixPath = 108;

// What the second byte of version 2's family and transport says of the addresses behind it.
struct Form {
    uint8_t code;
    Transport transport;
    std::size_t host;  // bytes of one host
    std::size_t port;  // bytes of one port

    std::size_t size() const noexcept { return 2 * (host + port); }
};

constexpr std::array kForms = {
    Form{0x00, Transport::unknown, 0, 0},
    Form{0x11, Transport::tcp4, 4, 2},
    Form{0x12, Transport::udp4, 4, 2},
    Form{0x21, Transport::tcp6, 16, 2},
    Form{0x22, Transport::udp6, 16, 2},
    Form{0x31, Transport::unix_stream, kUnixPath, 0},
    Form{0x32, Transport::unix_datagram, kUnixPath, 0},
};

const Form* find_form(uint8_t code) noexcept {
    const auto found = std::find_if(kForms.begin(), kForms.end(), [&](const Form& form) { return form.code == code; });
    return found == kForms.end() ? nullptr : &*found;
}

const Form& form_of(Transport transport) noexcept {
    return *std::find_if(kForms.begin(), kForms.end(), [&](const Form& form) { return form.transport == transport; });
}

uint8_t byte(std::string_view bytes, std::size_t at) noexcept { return static_cast<uint8_t>(bytes[at]); }

uint16_t number16(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<uint16_t>(byte(bytes, at) << 8 | byte(bytes, at + 1));
}

uint32_t number32(std::string_view bytes, std::size_t at) noexcept {
    return uint32_t{number16(bytes, at)} << 16 | number16(bytes, at + 2);
}

void append_number(std::string& bytes, uint64_t number, unsigned width) {
    while (width-- > 0) bytes += static_cast<char>(number >> (8 * width));
}

std::string ip_as_text(std::string_view bytes) {
    if (bytes.size() == 4) {
        Ipv4 address;
        std::copy(bytes.begin(), bytes.end(), address.begin());
        return to_text(address);
    }
    Ipv6 address;
    std::copy(bytes.begin(), bytes.end(), address.begin());
    return to_text(address);
}

// Up to the first NUL byte; a name in the abstract space begins with one and loses those at its end.
std::string path_as_text(std::string_view bytes) {
    if (bytes[0] != '\0') return std::string(bytes.substr(0, bytes.find('\0')));
    const std::size_t last = bytes.find_last_not_of('\0');
    return std::string(bytes.substr(0, last == bytes.npos ? 0 : last + 1));
}

std::string host_as_text(const Form& form, std::string_view bytes) {
    return form.host == kUnixPath ? path_as_text(bytes) : ip_as_text(bytes);
}

template <class Address>
bool append_ip(std::string& bytes, const std::optional<Address>& address) {
    if (!address) return false;
    for (const uint8_t part : *address) bytes += static_cast<char>(part);
    return true;
}

// False for what would be read as another path.
bool append_path(std::string& bytes, const std::string& path) {
    if (path.size() > kUnixPath) return false;
    const bool abstract = path.starts_with('\0');
    if (abstract ? path.ends_with('\0') : path.find('\0') != path.npos) return false;
    bytes += path;
    bytes.append(kUnixPath - path.size(), '\0');
    return true;
}

bool append_host(std::string& bytes, const Form& form, const std::string& host) {
    if (form.host == kUnixPath) return append_path(bytes, host);
    return form.host == 4 ? append_ip(bytes, try_parse_ipv4(host)) : append_ip(bytes, try_parse_ipv6(host));
}

// Whether every TLV is whole and there is at most one checksum, of four bytes.
bool well_formed(std::string_view tlvs) noexcept {
    bool checksum = false;
    while (const auto tlv = try_take_tlv(tlvs)) {
        if (tlv->type != ProxyTlv::kChecksum) continue;
        if (checksum || tlv->value.size() != 4) return false;
        checksum = true;
    }
    return tlvs.empty();
}

// The CRC of the header with the four bytes of the checksum taken as zeros.
uint32_t checksum_of(std::string_view header, std::size_t at) noexcept {
    const uint32_t front = crc32c(header.substr(0, at));
    return crc32c(header.substr(at + 4), crc32c("\0\0\0\0"sv, front));
}

bool checksum_holds(std::string_view header, std::string_view tlvs) noexcept {
    const auto checksum = try_find_tlv(tlvs, ProxyTlv::kChecksum);
    if (!checksum) return true;
    const auto at = static_cast<std::size_t>(checksum->data() - header.data());
    return checksum_of(header, at) == number32(*checksum, 0);
}

// Takes a word and the single space behind it, or the last word.
std::string_view take_word(std::string_view& line) noexcept {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

std::optional<std::string> try_read_ip(std::string_view text, Transport transport) {
    if (transport == Transport::tcp4) {
        const auto address = try_parse_ipv4(text);
        return address ? std::optional(to_text(*address)) : std::nullopt;
    }
    const auto address = try_parse_ipv6(text);
    return address ? std::optional(to_text(*address)) : std::nullopt;
}

std::optional<uint16_t> try_read_port(std::string_view text) {
    if (text.size() > 1 && text[0] == '0') return std::nullopt;
    const auto number = try_parse_decimal(text, 65535);
    return number ? std::optional(static_cast<uint16_t>(*number)) : std::nullopt;
}

// `line` is what stands behind "PROXY ", without CR LF. False when it is no header.
bool read_v1(std::string_view line, ProxyHeader& header) {
    header.version = 1;
    if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return true;
    if (!line.starts_with("TCP4 ") && !line.starts_with("TCP6 ")) return false;
    header.transport = line[3] == '4' ? Transport::tcp4 : Transport::tcp6;
    if (std::count(line.begin(), line.end(), ' ') != 4) return false;
    take_word(line);
    const auto source = try_read_ip(take_word(line), header.transport);
    const auto destination = try_read_ip(take_word(line), header.transport);
    const auto source_port = try_read_port(take_word(line));
    const auto destination_port = try_read_port(take_word(line));
    if (!source || !destination || !source_port || !destination_port) return false;
    header.source = {*source, *source_port};
    header.destination = {*destination, *destination_port};
    return true;
}

Result<> send_v1(const ProxyHeader& header, Output& output) {
    if (header.local || header.transport == Transport::unknown) {
        output.append_fixed("PROXY UNKNOWN\r\n");
        return {};
    }
    const bool four = header.transport == Transport::tcp4;
    if (!four && header.transport != Transport::tcp6) {
        return fail(Errc::local_protocol, "version 1 of the PROXY protocol knows TCP over IP only");
    }
    if (!header.tlvs.empty()) return fail(Errc::local_protocol, "version 1 of the PROXY protocol has no room for TLVs");
    const auto source = try_read_ip(header.source.host, header.transport);
    const auto destination = try_read_ip(header.destination.host, header.transport);
    if (!source || !destination)
        return fail(Errc::local_protocol, "an address of a PROXY header does not fit its transport");
    output.append((four ? "PROXY TCP4 " : "PROXY TCP6 ") + *source + ' ' + *destination + ' ' +
                  std::to_string(header.source.port) + ' ' + std::to_string(header.destination.port) + "\r\n");
    return {};
}

// The checks of the fixed part that can be made with the bytes that are there; empty when they hold.
std::string_view complaint(std::string_view input) noexcept {
    if (input.size() > 12 && byte(input, 12) >> 4 != 2) return "a PROXY header of an unknown version";
    if (input.size() > 12 && (byte(input, 12) & 15) > 1) return "a PROXY header with an unknown command";
    const bool local = input.size() > 12 && (byte(input, 12) & 15) == 0;
    if (input.size() > 13 && !local && !find_form(byte(input, 13))) return "a PROXY header of an unknown transport";
    if (input.size() >= kFixed && !local && number16(input, 14) < find_form(byte(input, 13))->size()) {
        return "a PROXY header too short for its addresses";
    }
    return {};
}

void read_addresses(const Form& form, std::string_view bytes, ProxyHeader& header) {
    header.source.host = host_as_text(form, bytes.substr(0, form.host));
    header.destination.host = host_as_text(form, bytes.substr(form.host, form.host));
    if (form.port == 0) return;
    header.source.port = number16(bytes, 2 * form.host);
    header.destination.port = number16(bytes, 2 * form.host + 2);
}

// The TLVs to be sent: those of the caller without their checksum, and room for a new one in front when it is wanted.
std::string tlvs_to_send(std::string_view tlvs, bool checksum) {
    std::string bytes;
    if (checksum) bytes.assign("\x03\0\4\0\0\0\0"sv);
    for (std::string_view rest = tlvs; const auto tlv = try_take_tlv(rest);) {
        if (tlv->type == ProxyTlv::kChecksum) continue;
        bytes += static_cast<char>(tlv->type);
        append_number(bytes, tlv->value.size(), 2);
        bytes += tlv->value;
    }
    return bytes;
}

Result<> send_v2(const ProxyHeader& header, bool checksum, Output& output) {
    const Form& form = form_of(header.local ? Transport::unknown : header.transport);
    if (form.host == 0 && !header.tlvs.empty()) {
        return fail(Errc::local_protocol, "TLVs need a PROXY header with a known transport");
    }
    if (!well_formed(header.tlvs)) return fail(Errc::local_protocol, "the TLVs of a PROXY header are malformed");
    checksum = form.host != 0 && (checksum || try_find_tlv(header.tlvs, ProxyTlv::kChecksum));

    std::string addresses;
    if (form.host != 0 &&
        !(append_host(addresses, form, header.source.host) && append_host(addresses, form, header.destination.host))) {
        return fail(Errc::local_protocol, "an address of a PROXY header does not fit its transport");
    }
    if (form.port != 0) {
        append_number(addresses, header.source.port, 2);
        append_number(addresses, header.destination.port, 2);
    }
    const std::string tlvs = tlvs_to_send(header.tlvs, checksum);
    const std::size_t length = addresses.size() + tlvs.size();
    if (length > 65535) return fail(Errc::local_protocol, "the TLVs of a PROXY header are too long");

    std::string bytes(kV2);
    bytes += header.local ? '\x20' : '\x21';
    bytes += static_cast<char>(form.code);
    append_number(bytes, length, 2);
    bytes += addresses;
    bytes += tlvs;
    if (checksum) {
        const std::size_t at = kFixed + addresses.size() + 3;
        std::string value;
        append_number(value, checksum_of(bytes, at), 4);
        bytes.replace(at, 4, value);
    }
    output.append(bytes);
    return {};
}

}  // namespace

std::optional<ProxyTlv> try_take_tlv(std::string_view& tlvs) noexcept {
    if (tlvs.size() < 3 || tlvs.size() - 3 < number16(tlvs, 1)) return std::nullopt;
    const ProxyTlv tlv{byte(tlvs, 0), tlvs.substr(3, number16(tlvs, 1))};
    tlvs.remove_prefix(3 + tlv.value.size());
    return tlv;
}

std::optional<std::string_view> try_find_tlv(std::string_view tlvs, uint8_t type) noexcept {
    while (const auto tlv = try_take_tlv(tlvs)) {
        if (tlv->type == type) return tlv->value;
    }
    return std::nullopt;
}

Result<> append_tlv(std::string& tlvs, uint8_t type, std::string_view value) {
    if (value.size() > 65535) return fail(Errc::invalid_argument, "the value of a TLV is longer than 65535 bytes");
    tlvs += static_cast<char>(type);
    append_number(tlvs, value.size(), 2);
    tlvs += value;
    return {};
}

std::optional<ProxySsl> try_parse_ssl_tlv(std::string_view value) noexcept {
    if (value.size() < 5) return std::nullopt;
    const uint8_t client = byte(value, 0);
    return ProxySsl{(client & 1) != 0, (client & 2) != 0, (client & 4) != 0, number32(value, 1) == 0, value.substr(5)};
}

Step ProxyProtocol::next(std::string_view& input, Event& header) {
    if (failure_) return Step::error;
    if (done_ || input.empty()) return Step::need_more;
    const std::string_view signature = input[0] == kV1[0] ? kV1 : kV2;
    const std::size_t count = std::min(input.size(), signature.size());
    if (input.substr(0, count) != signature.substr(0, count))
        return refuse("the connection begins with no PROXY header");
    if (count < signature.size()) return Step::need_more;
    return signature == kV1 ? next_v1(input, header) : next_v2(input, header);
}

Step ProxyProtocol::next_v1(std::string_view& input, Event& header) {
    const std::string_view window = input.substr(0, kLongestV1);
    const std::size_t end = window.find("\r\n", scanned_ == 0 ? 0 : scanned_ - 1);
    if (end == window.npos) {
        if (window.size() == kLongestV1) return refuse("a PROXY header of more than 107 bytes");
        scanned_ = window.size();
        return Step::need_more;
    }
    header = {};
    if (!read_v1(window.substr(kV1.size(), end - kV1.size()), header)) return refuse("a malformed PROXY header");
    input.remove_prefix(end + 2);
    done_ = true;
    return Step::event;
}

Step ProxyProtocol::next_v2(std::string_view& input, Event& header) {
    if (const std::string_view why = complaint(input); !why.empty()) return refuse(why);
    if (input.size() < kFixed) return Step::need_more;
    const std::size_t length = number16(input, 14);
    if (length > options_.limit) return failure_.set(Errc::limit_exceeded, "a PROXY header is too long");
    if (input.size() - kFixed < length) return Step::need_more;

    const std::string_view whole = input.substr(0, kFixed + length);
    header = {};
    header.local = (byte(whole, 12) & 15) == 0;
    const Form* form = find_form(byte(whole, 13));
    if (!header.local && form->host != 0) {
        const std::string_view tlvs = whole.substr(kFixed + form->size());
        if (!well_formed(tlvs)) return refuse("a PROXY header with malformed TLVs");
        if (!checksum_holds(whole, tlvs)) return refuse("a PROXY header with a wrong checksum");
        header.transport = form->transport;
        header.tlvs = tlvs;
        read_addresses(*form, whole.substr(kFixed, form->size()), header);
    }
    input.remove_prefix(whole.size());
    done_ = true;
    return Step::event;
}

Result<> ProxyProtocol::end() {
    if (!done_) failure_.set(Errc::end_of_stream, "the stream ends before its PROXY header");
    return failure_.result();
}

Result<> ProxyProtocol::send(const ProxyHeader& header, Output& output) const {
    if (header.version == 1) return send_v1(header, output);
    if (header.version == 2) return send_v2(header, options_.checksum, output);
    return fail(Errc::local_protocol, "the PROXY protocol has versions 1 and 2");
}

}  // namespace bine::wire
