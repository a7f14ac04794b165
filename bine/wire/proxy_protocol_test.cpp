#include "bine/wire/proxy_protocol.h"

#include <doctest/doctest.h>

#include <string>

#include "bine/base/text.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;
using namespace std::literals;

static_assert(Protocol<ProxyProtocol>);
using Transport = ProxyHeader::Transport;

namespace {

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string render(const ProxyHeader& header) {
    static constexpr const char* kNames[] = {"unknown", "tcp4", "udp4", "tcp6", "udp6", "unix", "unix datagram"};
    std::string text = "v" + std::to_string(header.version) + (header.local ? " local " : " ");
    text += kNames[static_cast<int>(header.transport)];
    for (const ProxyAddress& address : {header.source, header.destination}) {
        if (header.transport != Transport::unknown)
            text += " " + escape(address.host) + " " + std::to_string(address.port);
    }
    std::string_view rest = header.tlvs;
    while (const auto tlv = try_take_tlv(rest)) text += " " + std::to_string(tlv->type) + "=" + escape(tlv->value);
    return text;
}

Transcript run(std::string_view input, ProxyProtocol::Options options = {}) {
    return split_input(input, [options] { return ProxyProtocol(options); }, render);
}

std::string v2(char command, char form, std::string_view body) {
    return kSignature + command + form + static_cast<char>(body.size() >> 8) + static_cast<char>(body.size() & 255) +
           std::string(body);
}

const std::string kTcp4 = "\xc0\x00\x02\x01\xc6\x33\x64\x02\x1f\x90\x01\xbb"s;  // 192.0.2.1:8080 to 198.51.100.2:443
const std::string kTcp4Text = "192.0.2.1 8080 198.51.100.2 443";

ProxyHeader tcp4() {
    ProxyHeader header;
    header.transport = Transport::tcp4;
    header.source = {"192.0.2.1", 8080};
    header.destination = {"198.51.100.2", 443};
    return header;
}

std::string sent(const ProxyHeader& header, ProxyProtocol::Options options = {}) {
    Output output;
    const Result<> result = ProxyProtocol(options).send(header, output);
    REQUIRE_MESSAGE(result, (result ? "" : result.error().text()));
    return output.to_string();
}

void check_not_sent(const ProxyHeader& header) {
    Output output;
    const Result<> result = ProxyProtocol().send(header, output);
    REQUIRE(!result);
    CHECK(result.error().is(Errc::local_protocol));
    CHECK(output.empty());
}

}  // namespace

TEST_CASE("version 1 tells the addresses of TCP connections, and leaves what follows") {
    CHECK(run("PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\nGET / HTTP/1.1\r\n") ==
          Transcript{"v1 tcp4 " + kTcp4Text, "GET / HTTP/1.1\r\n", {}, ""});
    CHECK(run("PROXY TCP6 2001:DB8::1 ::ffff:10.0.0.1 0 65535\r\n") ==
          Transcript{"v1 tcp6 2001:db8::1 0 ::ffff:10.0.0.1 65535", "", {}, ""});
    CHECK(run("PROXY UNKNOWN\r\nx") == Transcript{"v1 unknown", "x", {}, ""});
    CHECK(run("PROXY UNKNOWN whatever  it \n says\r\n") == Transcript{"v1 unknown", "", {}, ""});
    CHECK(run("PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n") == Transcript{"v1 unknown", "PROXY UNKNOWN\r\n", {}, ""});
}

TEST_CASE("version 1 is at most 107 bytes long") {
    const std::string longest =
        "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    REQUIRE(longest.size() == ProxyProtocol::kLongestV1);
    CHECK(run(longest + "rest") == Transcript{"v1 unknown", "rest", {}, ""});
    const Transcript refused{"", "", Errc::remote_protocol, "a PROXY header of more than 107 bytes"};
    CHECK(run("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n") == refused);
    CHECK(run("PROXY UNKNOWN " + std::string(1000, 'x')) == refused);
    CHECK(run("PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\n" + std::string(100, 'x')) == refused);
}

TEST_CASE("version 1 has one grammar and no other") {
    for (std::string_view line : {
             "TCP4 192.0.2.1 198.51.100.2 8080",
             "TCP4 192.0.2.1 198.51.100.2 8080 443 ",
             "TCP4 192.0.2.1 198.51.100.2 8080 443 1",
             "TCP4  192.0.2.1 198.51.100.2 8080 443",
             "TCP4 192.0.2.1 198.51.100.2  443",
             "TCP4",
             "TCP4 ",
             "",
             " ",
             "TCP",
             "tcp4 192.0.2.1 198.51.100.2 8080 443",
             "TCP5 192.0.2.1 198.51.100.2 8080 443",
             "UNKNOWNS",
             "unknown",
             "UDP4 1.2.3.4 1.2.3.4 1 1",
             "TCP4\t192.0.2.1\t198.51.100.2\t8080\t443",
             "TCP4 ::1 ::1 8080 443",
             "TCP6 1.2.3.4 1.2.3.4 8080 443",
             "TCP6 ::1%lo ::1 8080 443",
             "TCP6 [::1] ::1 8080 443",
             "TCP4 192.0.2.01 198.51.100.2 8080 443",
             "TCP4 192.0.2 198.51.100.2 8080 443",
             "TCP4 192.0.2.256 198.51.100.2 8080 443",
             "TCP4 localhost 198.51.100.2 8080 443",
             "TCP6 1::2::3 ::1 1 1",
         }) {
        CAPTURE(line);
        CHECK(run("PROXY " + std::string(line) + "\r\n") ==
              Transcript{"", "", Errc::remote_protocol, "a malformed PROXY header"});
    }
}

TEST_CASE("a port of version 1 is a plain number") {
    for (std::string_view port : {"0", "1", "80", "65535"}) {
        CHECK(run("PROXY TCP4 1.2.3.4 1.2.3.4 " + std::string(port) + " 1\r\n").events ==
              "v1 tcp4 1.2.3.4 " + std::string(port) + " 1.2.3.4 1");
    }
    for (std::string_view port : {"65536", "+1", "-1", "0x1", "01", "00", "00080", "", "1.0", "1e1",
                                  "18446744073709551617", "99999999999999999999", "\t1", "1\r"}) {
        CAPTURE(port);
        CHECK(run("PROXY TCP4 1.2.3.4 1.2.3.4 " + std::string(port) + " 1\r\n").is(Errc::remote_protocol));
        CHECK(run("PROXY TCP4 1.2.3.4 1.2.3.4 1 " + std::string(port) + "\r\n").is(Errc::remote_protocol));
    }
}

TEST_CASE("anything else is refused at its first wrong byte") {
    const Transcript refused{"", "", Errc::remote_protocol, "the connection begins with no PROXY header"};
    for (std::string_view input : {"GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "PROXYTCP4", "proxy ", "\r\n\r\nX",
                                   "\n", "\x16\x03\x01", " PROXY "}) {
        CAPTURE(input);
        CHECK(run(input) == refused);
    }
    CHECK(run("\r\n\r\n\0\r\nQUIT\r\n"sv) == refused);
    ProxyProtocol protocol;
    ProxyHeader header;
    std::string_view input = "PO";
    CHECK(protocol.next(input, header) == Step::error);
}

TEST_CASE("version 2 tells the addresses of every family") {
    CHECK(run(v2('\x21', '\x11', kTcp4) + "rest") == Transcript{"v2 tcp4 " + kTcp4Text, "rest", {}, ""});
    CHECK(run(v2('\x21', '\x12', kTcp4)).events == "v2 udp4 " + kTcp4Text);
    const std::string six =
        "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s + std::string(15, '\0') + "\x02"s + "\x00\x50\xff\xff"s;
    CHECK(run(v2('\x21', '\x21', six)).events == "v2 tcp6 2001:db8::1 80 ::2 65535");
    CHECK(run(v2('\x21', '\x22', six)).events == "v2 udp6 2001:db8::1 80 ::2 65535");
    const auto path = [](std::string text) {
        text.resize(108);
        return text;
    };
    CHECK(run(v2('\x21', '\x31', path("/run/a") + path("/run/b"))).events == "v2 unix /run/a 0 /run/b 0");
    CHECK(run(v2('\x21', '\x32', path("") + path("\0hidden"s))).events == "v2 unix datagram  0 \\x00hidden 0");
    CHECK(run(v2('\x21', '\x31', std::string(108, 'a') + path("b"))).events ==
          "v2 unix " + std::string(108, 'a') + " 0 b 0");
}

TEST_CASE("a LOCAL header and an unknown transport say nothing, whatever else they hold") {
    CHECK(run(v2('\x20', '\x00', "") + "x") == Transcript{"v2 local unknown", "x", {}, ""});
    CHECK(run(v2('\x20', '\x11', kTcp4)) == Transcript{"v2 local unknown", "", {}, ""});
    CHECK(run(v2('\x20', '\x11', "odd")) == Transcript{"v2 local unknown", "", {}, ""});
    CHECK(run(v2('\x20', '\x77', "odd")) == Transcript{"v2 local unknown", "", {}, ""});
    CHECK(run(v2('\x21', '\x00', "")) == Transcript{"v2 unknown", "", {}, ""});
    CHECK(run(v2('\x21', '\x00', "ignored")) == Transcript{"v2 unknown", "", {}, ""});
}

TEST_CASE("version 2 takes nothing that the specification does not name") {
    for (int first = 0; first < 256; ++first) {
        if (first == 0x20 || first == 0x21) continue;
        CHECK(run(v2(static_cast<char>(first), '\x11', kTcp4)).is(Errc::remote_protocol));
    }
    for (int form = 0; form < 256; ++form) {
        const bool known =
            form == 0 || form == 0x11 || form == 0x12 || form == 0x21 || form == 0x22 || form == 0x31 || form == 0x32;
        const Transcript transcript = run(v2('\x21', static_cast<char>(form), std::string(216, '\0')));
        CHECK(transcript.code == (known ? std::error_code() : make_error_code(Errc::remote_protocol)));
    }
}

TEST_CASE("version 2 must have room for its addresses") {
    const Transcript refused{"", "", Errc::remote_protocol, "a PROXY header too short for its addresses"};
    CHECK(run(v2('\x21', '\x11', kTcp4.substr(1))) == refused);
    CHECK(run(v2('\x21', '\x21', std::string(35, 'a'))) == refused);
    CHECK(run(v2('\x21', '\x31', std::string(215, 'a'))) == refused);
    CHECK(run(v2('\x21', '\x11', "")) == refused);
}

TEST_CASE("the length of version 2 is limited, and refused before its bytes come") {
    const std::string body = kTcp4 + "\x04\x00\x01x"s;
    CHECK(run(v2('\x21', '\x11', body), {.limit = body.size()}).events == "v2 tcp4 " + kTcp4Text + " 4=x");
    const Transcript refused{"", "", Errc::limit_exceeded, "a PROXY header is too long"};
    CHECK(run(v2('\x21', '\x11', body).substr(0, 16), {.limit = body.size() - 1}) == refused);
    CHECK(run(v2('\x20', '\x00', std::string(4097, 'x')).substr(0, 16)) == refused);
}

TEST_CASE("a header that is cut short is an error at the end of the stream") {
    for (const std::string& whole : {v2('\x21', '\x11', kTcp4), "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"s}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            CAPTURE(size);
            CHECK(run(whole.substr(0, size)) == Transcript{"", whole.substr(0, size), Errc::end_of_stream,
                                                           "the stream ends before its PROXY header"});
        }
    }
}

TEST_CASE("TLVs are read one by one, and found by their type") {
    std::string tlvs;
    REQUIRE(append_tlv(tlvs, ProxyTlv::kAlpn, "h2"));
    REQUIRE(append_tlv(tlvs, ProxyTlv::kAuthority, "example.org"));
    REQUIRE(append_tlv(tlvs, ProxyTlv::kNoop, ""));
    REQUIRE(append_tlv(tlvs, ProxyTlv::kAlpn, "second"));
    CHECK(run(v2('\x21', '\x11', kTcp4 + tlvs)).events == "v2 tcp4 " + kTcp4Text + " 1=h2 2=example.org 4= 1=second");
    CHECK(try_find_tlv(tlvs, ProxyTlv::kAlpn) == "h2");
    CHECK(try_find_tlv(tlvs, ProxyTlv::kNoop) == "");
    CHECK(try_find_tlv(tlvs, ProxyTlv::kSsl) == std::nullopt);
    CHECK(try_find_tlv("", 1) == std::nullopt);
    CHECK(append_tlv(tlvs, 1, std::string(65535, 'x')));
    CHECK(append_tlv(tlvs, 1, std::string(65536, 'x')).error().is(Errc::invalid_argument));
}

TEST_CASE("a TLV that does not end inside the header is refused") {
    for (const std::string& tlvs :
         {"\x01"s, "\x01\x00"s, "\x01\x00\x01"s, "\x01\x00\x02x"s, "\x04\x00\x00\x01\xff\xff"s}) {
        CHECK(run(v2('\x21', '\x11', kTcp4 + tlvs)) ==
              Transcript{"", "", Errc::remote_protocol, "a PROXY header with malformed TLVs"});
    }
}

TEST_CASE("the TLV of a TLS client is taken apart") {
    std::string inner;
    REQUIRE(append_tlv(inner, ProxyTlv::kSslVersion, "TLSv1.3"));
    const std::string value = "\x05\x00\x00\x00\x00"s + inner;
    REQUIRE(try_parse_ssl_tlv(value).has_value());
    const ProxySsl ssl = try_parse_ssl_tlv(value).value_or(ProxySsl());
    CHECK(ssl.tls);
    CHECK(!ssl.certificate_on_connection);
    CHECK(ssl.certificate_in_session);
    CHECK(ssl.verified);
    CHECK(try_find_tlv(ssl.tlvs, ProxyTlv::kSslVersion) == "TLSv1.3");
    CHECK(!try_parse_ssl_tlv("\x01\x00\x00\x00\x01"sv).value_or(ProxySsl{.verified = true}).verified);
    CHECK(!try_parse_ssl_tlv("\x01\x00\x00\x00"sv));
}

TEST_CASE("a checksum that is there must be right") {
    ProxyHeader header = tcp4();
    std::string tlvs;
    REQUIRE(append_tlv(tlvs, ProxyTlv::kUniqueId, "id"));
    header.tlvs = tlvs;
    const std::string good = sent(header, {.checksum = true});
    CHECK(run(good).events.starts_with("v2 tcp4 " + kTcp4Text + " 3="));
    CHECK(run(good).events.ends_with(" 5=id"));
    for (std::size_t at = 16; at < good.size(); ++at) {
        CAPTURE(at);
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 1);
        // A changed type of the checksum's own TLV makes it another TLV, which nobody checks.
        CHECK(run(bad).is(Errc::remote_protocol) == (at != 28));
    }
    const std::string twice = kTcp4 + "\x03\x00\x04"s + "abcd" + "\x03\x00\x04"s + "abcd";
    CHECK(run(v2('\x21', '\x11', twice)).is(Errc::remote_protocol));
    CHECK(run(v2('\x21', '\x11', kTcp4 + "\x03\x00\x03"s + "abc")).is(Errc::remote_protocol));
}

TEST_CASE("the checksum agrees with one made by hand") {
    // CRC-32C of the header with zeros in its place, by another implementation.
    CHECK(sent(tcp4(), {.checksum = true}).substr(28) == "\x03\x00\x04"s + "\xdc\xa6\xb6\xbb"s);
}

TEST_CASE("what is sent is read back, in both versions") {
    for (uint8_t version : {uint8_t{1}, uint8_t{2}}) {
        ProxyHeader header = tcp4();
        header.version = version;
        const std::string name = "v" + std::to_string(version);
        CHECK(run(sent(header)).events == name + " tcp4 " + kTcp4Text);
        header.transport = Transport::tcp6;
        header.source.host = "2001:DB8:0::1";
        header.destination.host = "::";
        CHECK(run(sent(header)).events == name + " tcp6 2001:db8::1 8080 :: 443");
        header.transport = Transport::unknown;
        CHECK(run(sent(header)).events == name + " unknown");
    }
    CHECK(sent([] {
              ProxyHeader header = tcp4();
              header.version = 1;
              return header;
          }()) == "PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\n");
    ProxyHeader local = tcp4();
    local.local = true;
    CHECK(run(sent(local)) == Transcript{"v2 local unknown", "", {}, ""});
    CHECK(sent(local, {.checksum = true}) == v2('\x20', '\x00', ""));
    local.version = 1;
    CHECK(sent(local) == "PROXY UNKNOWN\r\n");

    ProxyHeader unix_header;
    unix_header.transport = Transport::unix_stream;
    unix_header.source.host = "/run/a";
    unix_header.destination.host = "\0abstract\0name"s;
    CHECK(run(sent(unix_header)).events == "v2 unix /run/a 0 \\x00abstract\\x00name 0");
    unix_header.source.host = std::string(108, 'x');
    CHECK(run(sent(unix_header)).events.starts_with("v2 unix " + std::string(108, 'x') + " 0 "));
}

TEST_CASE("what would be read as something else is not sent") {
    ProxyHeader header = tcp4();
    for (const std::string& host : {""s, "::1"s, "192.0.2.01"s, "1.2.3.4\r\nx"s, "localhost"s}) {
        CAPTURE(host);
        for (uint8_t version : {uint8_t{1}, uint8_t{2}}) {
            header = tcp4();
            header.version = version;
            header.source.host = host;
            check_not_sent(header);
            header = tcp4();
            header.version = version;
            header.destination.host = host;
            check_not_sent(header);
        }
    }
    header = tcp4();
    header.version = 3;
    check_not_sent(header);
    header.version = 1;
    header.tlvs = "\x04\x00\x00"sv;
    check_not_sent(header);
    header.tlvs = {};
    header.transport = Transport::udp4;
    check_not_sent(header);
    header.version = 2;
    header.tlvs = "\x04\x00\x01"sv;
    check_not_sent(header);
    header.transport = Transport::unknown;
    header.tlvs = "\x04\x00\x00"sv;
    check_not_sent(header);
    const std::string large = "\x04\xff\xff"s + std::string(65535, 'x');
    header.transport = Transport::tcp4;
    header.tlvs = large;
    check_not_sent(header);

    for (const std::string& path : {std::string(109, 'x'), "a\0b"s, "\0"s, "\0a\0"s}) {
        header = {};
        header.transport = Transport::unix_stream;
        header.source.host = path;
        check_not_sent(header);
    }
}
