#include "bine/endpoints/endpoint_string.h"

#include <doctest/doctest.h>

#include <string>

using namespace bine;
using namespace std::literals;

namespace {

EndpointDescription parsed(std::string_view text) {
    auto description = parse_endpoint(text);
    INFO(text);
    REQUIRE_MESSAGE(description, (description ? "" : description.error().text()));
    return *description;
}

std::string refusal(std::string_view text) {
    const auto description = parse_endpoint(text);
    return description ? "accepted: " + to_string(*description) : description.error().text();
}

EndpointArguments tcp(std::string_view text) {
    auto bound = EndpointArguments::bind(parsed(text), {"port"}, {"interface", "backlog", "reuse", "mode"});
    REQUIRE(bound);
    return *bound;
}

template <class T>
std::string text_of(const Result<T>& result) {
    REQUIRE(!result);
    CHECK(result.error().is(Errc::invalid_argument));
    return result.error().text();
}

}  // namespace

TEST_CASE("an endpoint string is a name, values and named values") {
    CHECK(parsed("tcp:7000:interface=127.0.0.1") == EndpointDescription{"tcp", {"7000"}, {{"interface", "127.0.0.1"}}});
    CHECK(parsed("tcp6:7000") == EndpointDescription{"tcp6", {"7000"}, {}});
    CHECK(parsed("unix:/run/x:mode=600") == EndpointDescription{"unix", {"/run/x"}, {{"mode", "600"}}});
    CHECK(parsed("stdio:") == EndpointDescription{"stdio", {}, {}});
    CHECK(parsed("stdio") == EndpointDescription{"stdio", {}, {}});
    CHECK(parsed("fd:3") == EndpointDescription{"fd", {"3"}, {}});
    CHECK(parsed("systemd:index=0") == EndpointDescription{"systemd", {}, {{"index", "0"}}});
    CHECK(parsed("tls:example.org:443") == EndpointDescription{"tls", {"example.org", "443"}, {}});
    CHECK(parsed("x:a b:k= v ") == EndpointDescription{"x", {"a b"}, {{"k", " v "}}});
}

TEST_CASE("empty values are values, and only a lone colon is none") {
    CHECK(parsed("tcp::80") == EndpointDescription{"tcp", {"", "80"}, {}});
    CHECK(parsed("tcp:80:") == EndpointDescription{"tcp", {"80", ""}, {}});
    CHECK(parsed("tcp:interface=") == EndpointDescription{"tcp", {}, {{"interface", ""}}});
    CHECK(parsed("tcp:[]") == EndpointDescription{"tcp", {""}, {}});
}

TEST_CASE("a backslash makes the next character an ordinary one") {
    CHECK(parsed("unix:/run/a\\:b").positional[0] == "/run/a:b");
    CHECK(parsed("unix:a\\=b").positional[0] == "a=b");
    CHECK(parsed("unix:a\\\\b").positional[0] == "a\\b");
    CHECK(parsed("unix:\\[a]").positional[0] == "[a]");
    CHECK(parsed("unix:k=\\[\\:\\=").named[0] == EndpointArgument{"k", "[:="});
}

TEST_CASE("an equals sign behind a key belongs to the value") {
    CHECK(parsed("x:k=a=b=c").named[0] == EndpointArgument{"k", "a=b=c"});
    CHECK(parsed("x:k==").named[0] == EndpointArgument{"k", "="});
}

TEST_CASE("brackets hold an IPv6 address and are not part of it") {
    CHECK(parsed("tcp:host=[::1]:port=80") == EndpointDescription{"tcp", {}, {{"host", "::1"}, {"port", "80"}}});
    CHECK(parsed("tls:[2001:db8::1%eth0]:443") == EndpointDescription{"tls", {"2001:db8::1%eth0", "443"}, {}});
    CHECK(parsed("x:[::ffff:10.0.0.1]").positional[0] == "::ffff:10.0.0.1");
    CHECK(parsed("x:a[b]").positional[0] == "a[b]");
}

TEST_CASE("what cannot be read is refused with its cause and cure") {
    CHECK(refusal("") == "endpoint \"\": it begins with no name; write \"tcp:7000\", for example");
    CHECK(refusal(":7000").ends_with("it begins with no name; write \"tcp:7000\", for example"));
    CHECK(refusal("/run/x") == "endpoint \"/run/x\": \"/run/x\" is no name of an endpoint");
    CHECK(refusal("host=x:1").ends_with("\"host=x\" is no name of an endpoint"));
    CHECK(refusal("t\\:cp:1").ends_with("\"t\\\\\" is no name of an endpoint"));
    CHECK(refusal("tcp:a\\").ends_with("it ends in a backslash; write \"\\\\\" for one"));
    CHECK(refusal("tcp:a\\n").ends_with("a backslash stands before \"n\"; write \"\\\\\" for one"));
    CHECK(refusal("tcp:[::1").ends_with("\"[\" is never closed; write \"\\[\" for a bracket in a value"));
    CHECK(refusal("tcp:[::1]x").ends_with("only \":\" may follow \"]\"; write \"\\[\" for a bracket in a value"));
    CHECK(refusal("tcp:[::1]=x").ends_with("only \":\" may follow \"]\"; write \"\\[\" for a bracket in a value"));
    CHECK(refusal("unix:[/run]").find("\"/run\" in brackets is no IPv6 address") != std::string::npos);
    CHECK(refusal("unix:/a=b").find("\"/a\" is no name of an argument; write \"\\=\"") != std::string::npos);
    CHECK(refusal("unix:=b").find("\"\" is no name of an argument") != std::string::npos);
    CHECK(refusal("tcp:port=1:port=2").ends_with(": port is given twice"));
    CHECK(refusal("tcp:a=1:80").find("\"80\" comes after a named argument") != std::string::npos);
    CHECK(refusal("tcp:80:interface=::1").ends_with("(an IPv6 address is written in brackets)"));
    CHECK(refusal("unix:a\0b"sv).ends_with("it holds a NUL byte"));
    CHECK(refusal("x:\x1b[2J=1").find('\x1b') == std::string::npos);
}

TEST_CASE("the length of an endpoint string is bounded") {
    CHECK(parse_endpoint("x:" + std::string(4094, 'a')));
    const auto longer = parse_endpoint("x:" + std::string(4095, 'a'));
    REQUIRE(!longer);
    CHECK(longer.error().is(Errc::limit_exceeded));
}

TEST_CASE("quoting makes one argument of any text") {
    CHECK(quote_endpoint_argument("/run/a:b") == "/run/a\\:b");
    CHECK(quote_endpoint_argument("a=b\\") == "a\\=b\\\\");
    CHECK(quote_endpoint_argument("[x]") == "\\[x]");
    CHECK(quote_endpoint_argument("::1") == "[::1]");
    CHECK(quote_endpoint_argument("host:1") == "host\\:1");
    CHECK(quote_endpoint_argument("") == "[]");
    std::string every;
    for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
    for (const std::string& value : {every, ""s, ":"s, "::"s, "[]"s, "[::1]"s, "a:[b"s, "\\"s, "=x"s, "::/"s, " "s}) {
        CAPTURE(value);
        const std::string quoted = quote_endpoint_argument(value);
        CHECK(parsed("x:" + quoted) == EndpointDescription{"x", {value}, {}});
        CHECK(parsed("x:a:k=" + quoted + ":l=2") == EndpointDescription{"x", {"a"}, {{"k", value}, {"l", "2"}}});
    }
}

TEST_CASE("a description is written so that it is read back the same") {
    for (std::string_view text : {"tcp:7000:interface=127.0.0.1", "stdio:", "tcp:host=[::1]:port=80",
                                  "unix:/run/a\\:b:mode=600", "x:a\\=b", "x:[]"}) {
        CHECK(to_string(parsed(text)) == text);
    }
    CHECK(to_string(parsed("stdio")) == "stdio:");
    CHECK(to_string(parsed("tcp::80")) == "tcp:[]:80");
    CHECK(to_string(parsed("x:k=a=b")) == "x:k=a\\=b");
}

TEST_CASE("the prefix of a wrapper leaves the inner endpoint as it stands") {
    const auto split = split_endpoint("haproxy:unix:/run/a\\:b:mode=600");
    REQUIRE(split);
    CHECK(split->name == "haproxy");
    CHECK(split->rest == "unix:/run/a\\:b:mode=600");
    CHECK(split_endpoint("stdio")->rest.empty());
    CHECK(split_endpoint("stdio:")->rest.empty());
    CHECK(!split_endpoint(":tcp"));
}

TEST_CASE("arguments are found by place or by name") {
    CHECK(tcp("tcp:7000").port("port") == 7000);
    CHECK(tcp("tcp:port=7000").port("port") == 7000);
    CHECK(tcp("tcp:7000:interface=[::]").has("interface") == true);
    CHECK(tcp("tcp:7000").has("interface") == false);
    CHECK(tcp("tcp:7000:interface=10.0.0.1").string("interface") == "10.0.0.1");
    CHECK(tcp("tcp:7000").string("interface", "0.0.0.0") == "0.0.0.0");
    CHECK(tcp("tcp:7000").port("port", 1) == 7000);
    CHECK(tcp("tcp").port("port", 1) == 1);
    CHECK(tcp("tcp:7000:backlog=128").count("backlog", 1000) == 128);
    CHECK(tcp("tcp:7000").count("backlog", 1000, 5) == 5);
    CHECK(tcp("tcp:7000:reuse=on").flag("reuse") == true);
    CHECK(tcp("tcp:7000:reuse=no").flag("reuse", true) == false);
    CHECK(tcp("tcp:7000").flag("reuse", true) == true);
    CHECK(tcp("tcp:7000:mode=0600").mode("mode") == 0600);
    CHECK(tcp("tcp:7000").mode("mode", 0666) == 0666);
}

TEST_CASE("unknown, surplus and doubled arguments are refused with what is known") {
    const auto bind = [](std::string_view text) {
        return text_of(EndpointArguments::bind(parsed(text), {"port"}, {"interface", "backlog"}));
    };
    CHECK(
        bind("tcp:7000:interfcae=[::]") ==
        "endpoint \"tcp:7000:interfcae=[::]\": no argument is named \"interfcae\"; known are: port, interface, backlog");
    CHECK(bind("tcp:7000:127.0.0.1") ==
          "endpoint \"tcp:7000:127.0.0.1\": \"127.0.0.1\" is one argument too many; known are: port, interface=..., "
          "backlog=...");
    CHECK(bind("tcp:7000:port=7001") == "endpoint \"tcp:7000:port=7001\": port is given twice");
    CHECK(text_of(EndpointArguments::bind(parsed("stdio:x"), {})) ==
          "endpoint \"stdio:x\": \"x\" is one argument too many; known are: none");
}

TEST_CASE("a missing argument without a fallback is an error that says what is expected") {
    CHECK(text_of(tcp("tcp:").port("port")) == "endpoint \"tcp:\": port is missing; a port is expected, 0 to 65535");
    CHECK(text_of(tcp("tcp:").string("interface")).ends_with("interface is missing; a text is expected"));
    CHECK(text_of(tcp("tcp:").mode("mode")).ends_with("mode is missing; octal permissions are expected, such as 600"));
    CHECK(text_of(tcp("tcp:").flag("reuse")).ends_with("reuse is missing; yes or no is expected"));
    CHECK(text_of(tcp("tcp:").count("backlog", 9)).ends_with("backlog is missing; a number is expected, 0 to 9"));
}

TEST_CASE("ports, modes, flags and counts take their own grammar and nothing else") {
    CHECK(tcp("tcp:0").port("port") == 0);
    CHECK(tcp("tcp:65535").port("port") == 65535);
    CHECK(tcp("tcp:00080").port("port") == 80);
    for (std::string_view bad :
         {"65536", "+80", "-1", "0x50", " 80", "80 ", "http", "8e1", "80.0", "18446744073709551696", "[]"}) {
        CAPTURE(bad);
        const auto arguments = tcp("tcp:" + std::string(bad));
        CHECK(text_of(arguments.port("port")).ends_with("a port is expected, 0 to 65535"));
        CHECK(!arguments.port("port", 1));
    }
    for (std::string_view bad : {"8", "9", "0o600", "0x1", "+7", "-7", " 7", "10000", "77777", "000000", "rw", ""}) {
        CAPTURE(bad);
        CHECK(!tcp("tcp:1:mode=" + std::string(bad)).mode("mode"));
    }
    CHECK(tcp("tcp:1:mode=07777").mode("mode") == 07777);
    CHECK(tcp("tcp:1:mode=0").mode("mode") == 0);
    for (std::string_view bad : {"Yes", "2", "y", "", " on", "truE"}) {
        CAPTURE(bad);
        CHECK(!tcp("tcp:1:reuse=" + std::string(bad)).flag("reuse"));
    }
    for (std::string_view bad : {"1001", "-1", "+1", "1k", "", "99999999999999999999"}) {
        CAPTURE(bad);
        CHECK(!tcp("tcp:1:backlog=" + std::string(bad)).count("backlog", 1000));
    }
}

TEST_CASE("an endpoint of a program's own reports errors in the same words") {
    const auto arguments = tcp("tcp:7000:interface=nowhere");
    CHECK(arguments.error("interface", "an IP address is expected").text() ==
          "endpoint \"tcp:7000:interface=nowhere\": interface is \"nowhere\"; an IP address is expected");
}
