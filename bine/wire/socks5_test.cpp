#include "bine/wire/socks5.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

#include "bine/base/text.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;
using namespace std::literals;

static_assert(Parser<Socks5Client>);

namespace {

std::string render(const Socks5Client::Event& event) {
    if (event.kind == Socks5Client::Event::Kind::speak) return "[" + escape(event.bytes) + "]";
    return "connected " + escape(event.host) + " " + std::to_string(event.port);
}

Transcript run(std::string_view input, const Socks5Client::Target& target = {"example.com", 80},
               const Socks5Client::Login& login = {}) {
    return split_input(input, [&] { return Socks5Client::make(target, login).value(); }, render);
}

const std::string kAsked = R"([\x05\x01\x00][\x05\x01\x00\x03\x0bexample.com\x00P])";
const std::string kGranted = "\x05\0\0\x01\x7f\0\0\x01\x04\x38"s;

std::error_code refused_with(char code) { return run("\x05\0\x05"s + code).code; }

}  // namespace

TEST_CASE("a proxy without login connects to a name, and what follows is left") {
    CHECK(run("\x05\0"s + kGranted + "HTTP/1.1") ==
          Transcript{kAsked + "connected 127.0.0.1 1080", "HTTP/1.1", {}, ""});
    CHECK(run("\x05\0\x05\0\0\x03\x03sub\0\x01"s) == Transcript{kAsked + "connected sub 1", "", {}, ""});
    CHECK(run("\x05\0\x05\0\0\x03\0\0\x01"s) == Transcript{kAsked + "connected  1", "", {}, ""});
    CHECK(run("\x05\0\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xff\xff"s) ==
          Transcript{kAsked + "connected ::1 65535", "", {}, ""});
}

TEST_CASE("addresses are sent as addresses") {
    CHECK(run("\x05\0"s, {"192.0.2.1", 443}).events == R"([\x05\x01\x00][\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb])");
    CHECK(run("\x05\0"s, {"2001:db8::1", 256}).events ==
          R"([\x05\x01\x00][\x05\x01\x00\x04 \x01\r\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\x00])");
}

TEST_CASE("a login is sent when the proxy chooses it, and only then") {
    const std::string greeting = R"([\x05\x02\x00\x02])";
    const std::string request = R"([\x05\x01\x00\x03\x01h\x00\x01])";
    const std::string login = R"([\x01\x04user\x02pw])";
    CHECK(run("\x05\x02\x01\0"s + kGranted, {"h", 1}, {"user", "pw"}) ==
          Transcript{greeting + login + request + "connected 127.0.0.1 1080", "", {}, ""});
    CHECK(run("\x05\0"s + kGranted, {"h", 1}, {"user", "pw"}).events ==
          greeting + request + "connected 127.0.0.1 1080");
    CHECK(run("\x05\x02"s, {"h", 1}, {"user", ""}).events == greeting + R"([\x01\x04user\x00])");

    const Transcript refused = run("\x05\x02\x01\x01"s, {"h", 1}, {"user", "pw"});
    CHECK(refused.code == std::error_code(EACCES, std::system_category()));
    CHECK(refused.error == "the SOCKS proxy refuses the user name or password");
}

TEST_CASE("a proxy that wants more than was offered says so") {
    CHECK(run("\x05\xff"s).error == "the SOCKS proxy wants a user name and password");
    CHECK(run("\x05\xff"s, {"h", 1}, {"user", "pw"}).error ==
          "the SOCKS proxy wants another proof than user name and password");
    CHECK(run("\x05\x02"s).is(Errc::remote_protocol));
    CHECK(run("\x05\x01"s).is(Errc::remote_protocol));
}

TEST_CASE("what the proxy refuses has the error of a direct connection") {
    CHECK(refused_with(2) == std::error_code(EACCES, std::system_category()));
    CHECK(refused_with(3) == std::error_code(ENETUNREACH, std::system_category()));
    CHECK(refused_with(4) == std::error_code(EHOSTUNREACH, std::system_category()));
    CHECK(refused_with(5) == std::error_code(ECONNREFUSED, std::system_category()));
    CHECK(refused_with(6) == std::error_code(ETIMEDOUT, std::system_category()));
    for (const char code : {'\x01', '\x07', '\x08', '\x09', '\xff'}) {
        CHECK(refused_with(code) == make_error_code(Errc::remote_protocol));
    }
    CHECK(run("\x05\0\x05\x05\0\x01\0\0\0\0\0\0"s).error ==
          "the SOCKS proxy does not connect: the connection was refused");
    CHECK(run("\x05\0\x05\x63"s).error == "the SOCKS proxy does not connect: code 99");
}

TEST_CASE("what is no SOCKS 5 is refused at its first byte") {
    CHECK(run("HTTP/1.1 400 Bad Request\r\n").error == "the proxy does not speak SOCKS 5");
    CHECK(run("\x04").is(Errc::remote_protocol));
    CHECK(run("\x05\0\x04"s).is(Errc::remote_protocol));
    CHECK(run("\x05\0\x05\0\0\x02\0\0\0\0"s).error == "the SOCKS proxy's answer holds an unknown kind of address");
    CHECK(run("\x05\x02\x05"s, {"h", 1}, {"user", "pw"}).is(Errc::remote_protocol));
}

TEST_CASE("a proxy that ends too early is an end of stream") {
    const std::string whole = "\x05\0"s + kGranted;
    for (std::size_t size = 1; size < whole.size(); ++size) CHECK(run(whole.substr(0, size)).is(Errc::end_of_stream));
}

TEST_CASE("hosts and logins that do not fit are refused") {
    CHECK(Socks5Client::make({"", 80}).error().is(Errc::invalid_argument));
    CHECK(Socks5Client::make({std::string(256, 'a'), 80}).error().is(Errc::invalid_argument));
    CHECK(Socks5Client::make({"a\0b"s, 80}).error().is(Errc::invalid_argument));
    CHECK(Socks5Client::make({std::string(255, 'a'), 80}, {std::string(255, 'u'), std::string(255, 'p')}));
    CHECK(Socks5Client::make({"a", 80}, {std::string(256, 'u'), ""}).error().is(Errc::invalid_argument));
    CHECK(Socks5Client::make({"a", 80}, {"u", std::string(256, 'p')}).error().is(Errc::invalid_argument));
}
