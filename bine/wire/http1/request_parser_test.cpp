#include "bine/wire/http1/request_parser.h"

#include <doctest/doctest.h>

#include <cctype>
#include <string>
#include <vector>

#include "bine/wire/split_input.h"

namespace bine::http1 {
namespace {

using wire::SplitOptions;
using wire::Step;
using wire::Transcript;

const Limits kDefaults;

std::string render_fields(HeaderList table) {
    std::string text;
    for (const Header& header : table) text += std::string(header.name) + "=" + std::string(header.value) + ";";
    return text;
}

std::string render(const RequestEvent& event) {
    if (event.kind == RequestEvent::Kind::body) return std::string(event.body);
    if (event.kind == RequestEvent::Kind::end) return "|" + render_fields(event.trailers) + ">";
    const RequestHead& head = event.head;
    std::string text =
        "<" + std::string(head.method_name) + " " + std::string(head.path) + "?" + std::string(head.query);
    text += " 1." + std::to_string(head.minor_version) + " @" + std::string(head.authority) + " " +
            render_fields(head.headers);
    if (!head.keep_alive) text += " close";
    if (head.expects_continue) text += " expects";
    if (head.wants_upgrade) text += " upgrade";
    if (head.chunked) text += " chunked";
    return text + "|";
}

Transcript run(std::string_view input, const Limits& limits = kDefaults, SplitOptions options = {}) {
    return split_input(input, [&limits] { return RequestParser(limits); }, render, options);
}

// The status that the first wrong thing in `input` is answered with; 0 when there is none.
int status_for(std::string_view input, const Limits& limits = kDefaults) {
    RequestParser parser(limits);
    RequestEvent event;
    Step step = Step::event;
    while (step == Step::event) step = parser.next(input, event);
    return step == Step::error ? parser.status() : 0;
}

struct Case {
    std::string_view input;
    int status;
};

void check_all(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
        CAPTURE(one.input);
        CHECK(status_for(one.input) == one.status);
        CHECK(run(one.input, kDefaults, {.end = false}).code.value() != 0);
    }
}

TEST_CASE("a request without a body is a head and an end") {
    const Transcript said = run("GET /a/b?c=d HTTP/1.1\r\nHost: example.org\r\nAccept:  */* \t\r\nEmpty:\r\n\r\n");
    CHECK(said.events == "<GET /a/b?c=d 1.1 @example.org Host=example.org;Accept=*/*;Empty=;||>");
    CHECK(said.left.empty());
    CHECK_FALSE(said.code);
}

TEST_CASE("pipelined requests are told apart at every cut") {
    const std::string one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string two = "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    const std::string three =
        "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n02;x=\"y;\\\"\"\r\nde\r\n0\r\nT: "
        "1\r\n\r\n";
    const Transcript said = run(one + two + three + "\r\n" + one);
    CHECK(said.events ==
          "<GET /1? 1.1 @a Host=a;||>"
          "<POST /2? 1.1 @a Host=a;Content-Length=5;|hello|>"
          "<POST /3? 1.1 @a Host=a;Transfer-Encoding=Chunked; chunked|abcde|T=1;>"
          "<GET /1? 1.1 @a Host=a;||>");
    CHECK_FALSE(said.code);
}

// Lines are taken by blocks of 64 bytes, names by sixteen: every length at every place, what is common and what is rare.
TEST_CASE("field lines of any length are taken, wherever they lie") {
    const auto check = [](const std::string& name, const std::string& written, const std::string& value) {
        const std::string filler = "F: " + std::string(name.size() * 7 % 64, 'f') + "\r\n";
        std::string text = "GET / HTTP/1.1\r\nHost: a\r\n" + filler + name + ":" + written + "\r\nLast: x\r\n\r\n";
        std::string_view input = text;
        RequestParser parser(kDefaults);
        RequestEvent event;
        const Step step = parser.next(input, event);
        CAPTURE(text);
        REQUIRE(step == Step::event);
        REQUIRE(event.head.headers.size() == 4);
        CHECK(event.head.headers[2].name == name);
        CHECK(event.head.headers[2].value == value);
        CHECK(event.head.headers[3].name == "Last");
    };
    const std::string letters = "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    for (std::size_t length = 1; length <= 150; ++length) {
        const std::string value(length, 'v');
        check(letters.substr(length % 26, 1 + length % 40), " " + value, value);
        check(letters.substr(0, 1 + length % 20), value, value);
        check("!#$" + letters.substr(0, length % 20), " \t" + value + "\xc3\xa4:\t" + value + " \t ",
              value + "\xc3\xa4:\t" + value);
        check(letters.substr(0, 1 + length % 20), " " + value + " ", value);
        check(letters.substr(0, 1 + length % 20), std::string(length % 3, ' '), "");
    }
}

TEST_CASE("a field line is refused for one wrong byte, wherever that lies") {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    const std::string line = "X-Field-Name: " + std::string(120, 'v');
    REQUIRE(status_for(head + line + "\r\n\r\n") == 0);
    for (std::size_t at = 0; at < line.size(); ++at) {
        for (const char wrong : {'\0', '\x01', '\n', '\r', '\x7f'}) {
            std::string broken = line;
            broken[at] = wrong;
            CAPTURE(at);
            CHECK(status_for(head + broken + "\r\n\r\n") == 400);
        }
        std::string blank = line;
        blank[at] = ' ';
        CHECK(status_for(head + blank + "\r\n\r\n") == (at < 13 ? 400 : 0));
    }
    CHECK(status_for(head + "X-Field-Name" + std::string(60, 'n') + "\r\n\r\n") == 400);
    CHECK(status_for(head + ": nameless, sixteen bytes\r\n\r\n") == 400);
    CHECK(status_for(head + " Folded: sixteen bytes\r\n\r\n") == 400);
}

TEST_CASE("what is behind a request stays for the next protocol") {
    std::string_view input =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05";
    RequestParser parser(kDefaults);
    RequestEvent event;
    REQUIRE(parser.next(input, event) == Step::event);
    CHECK(event.head.wants_upgrade);
    REQUIRE(parser.next(input, event) == Step::event);
    CHECK(event.kind == RequestEvent::Kind::end);
    CHECK(input == "\x81\x05");
}

TEST_CASE("the four forms of a target") {
    CHECK(run("GET http://example.org:8080/a?b HTTP/1.1\r\nHost: other\r\n\r\n").events ==
          "<GET /a?b 1.1 @example.org:8080 Host=other;||>");
    CHECK(run("GET HTTP://example.org HTTP/1.1\r\nHost: other\r\n\r\n").events ==
          "<GET /? 1.1 @example.org Host=other;||>");
    CHECK(run("GET http://example.org?q HTTP/1.1\r\nHost: x\r\n\r\n").events == "<GET /?q 1.1 @example.org Host=x;||>");
    CHECK(run("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").events == "<OPTIONS *? 1.1 @a Host=a;||>");
    CHECK(run("CONNECT a.b:443 HTTP/1.1\r\nHost: a.b\r\n\r\n").events == "<CONNECT ? 1.1 @a.b:443 Host=a.b;||>");
    CHECK(run("BREW //pot?? HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").events ==
          "<BREW //pot?? 1.1 @[::1]:80 Host=[::1]:80;||>");
}

TEST_CASE("whether the connection goes on is a matter of version and Connection") {
    const auto keeps = [](std::string_view version, std::string_view fields) {
        const std::string input =
            "GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n" + std::string(fields) + "\r\n";
        return run(input).events.find(" close") == std::string::npos;
    };
    CHECK(keeps("1.1", ""));
    CHECK_FALSE(keeps("1.1", "Connection: close\r\n"));
    CHECK_FALSE(keeps("1.1", "Connection: Foo , CLOSE\r\n"));
    CHECK_FALSE(keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    CHECK_FALSE(keeps("1.0", ""));
    CHECK(keeps("1.0", "Connection: Keep-Alive\r\n"));
    CHECK_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

TEST_CASE("an expectation counts only where a body is to come") {
    CHECK(
        run("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx").events.find("expects") !=
        std::string::npos);
    CHECK(run("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").events.find("expects") == std::string::npos);
    CHECK(run("PUT / HTTP/1.0\r\nExpect: wonders\r\n\r\n").events.find("expects") == std::string::npos);
}

TEST_CASE("HTTP/1.0 needs no Host") {
    CHECK(run("GET / HTTP/1.0\r\n\r\n").events == "<GET /? 1.0 @  close||>");
    CHECK(run("GET / HTTP/1.1\r\nHost:\r\n\r\n").events == "<GET /? 1.1 @ Host=;||>");
}

TEST_CASE("a host is judged alike whatever its length") {
    const auto is_right = [](const std::string& host) {
        return run("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n").events.starts_with('<');
    };
    const std::string before(30, 'b');  // too long for any shortcut
    for (const std::size_t size : {1u, 7u, 8u, 9u, 15u, 16u, 17u}) {
        for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
            for (unsigned c = 0x21; c < 256; ++c) {
                if (c == '[') continue;  // begins an address of another form
                std::string host(size, 'A');
                host[at] = static_cast<char>(c);
                const bool names_nothing = c == ':' && at == 0;
                CHECK(is_right(host) == (is_right(before + host) && !names_nothing));
            }
        }
    }
}

TEST_CASE("a wrong request line is refused") {
    check_all({
        {"GET /\r\n\r\n", 400},
        {"GET\r\n\r\n", 400},
        {"\x16\x03\x01\x02", 400},
        {" GET / HTTP/1.1\r\n", 400},
        {"\r\n\r\nGET / HTTP/1.1\r\n", 400},
        {"\nGET / HTTP/1.1\r\n", 400},
        {"\rGET / HTTP/1.1\r\n", 400},
        {"G@T / HTTP/1.1\r\n", 400},
        {"GET  / HTTP/1.1\r\n", 400},
        {"GET / HTTP/1.1 \r\n", 400},
        {"GET / HTTP/1.1\n", 400},
        {"GET / HTTP/1.1\r\r\n", 400},
        {"GET /\tHTTP/1.1\r\n", 400},
        {"GET / b HTTP/1.1\r\n", 400},
        {"GET /\x80 HTTP/1.1\r\n", 400},
        {"GET /#f HTTP/1.1\r\n", 400},
        {std::string_view("GET /\0 HTTP/1.1\r\n", 18), 400},
        {"GET / http/1.1\r\n", 400},
        {"GET / HTTP/1\r\n", 400},
        {"GET / HTTP/1.10\r\n", 400},
        {"GET / HTTP/01.1\r\n", 400},
        {"GET / HTTP/+1.1\r\n", 400},
        {"GET / HTTP/0.9\r\n", 505},
        {"GET / HTTP/1.2\r\n", 505},
        {"GET / HTTP/2.0\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    });
}

TEST_CASE("a target of the wrong form is refused") {
    const auto with = [](std::string_view start) { return std::string(start) + " HTTP/1.1\r\nHost: a\r\n\r\n"; };
    for (const std::string_view start :
         {"GET *", "GET a", "GET a:80", "GET http:/a", "GET http://", "GET http:///a", "GET ftp://a/",
          "GET http://u@a/", "GET http://a:b/", "GET http://a:65536/", "OPTIONS a", "CONNECT /", "CONNECT a",
          "CONNECT a:", "CONNECT http://a:80", "CONNECT *", "GET //:x@http://"}) {
        CAPTURE(start);
        const std::string input = with(start);
        const int wanted = start == "GET //:x@http://" ? 0 : 400;
        CHECK(status_for(input) == wanted);
    }
}

TEST_CASE("a wrong field is refused") {
    const auto with = [](std::string_view field) {
        return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(field) + "\r\n";
    };
    for (const std::string_view field :
         {"A : b\r\n", "A\t: b\r\n", ": b\r\n", "A\r\n", "A b: c\r\n", " A: b\r\n", "B: c\r\n folded\r\n",
          "B: c\r\n\tfolded\r\n", "A: b\n", "A: b\rc\r\n", "A: b\r\r\n", "A: \x01\r\n", "A: \x7f\r\n", "A(: b\r\n",
          "\xc3\xa4: b\r\n", "A: b\nB: c\r\n", "\rA: b\r\n"}) {
        CAPTURE(field);
        const std::string input = with(field);
        CHECK(status_for(input) == 400);
        CHECK(run(input).is(Errc::remote_protocol));
    }
    CHECK(status_for(with(std::string_view("A: \0\r\n", 6))) == 400);
    CHECK(status_for(with("A: \xc3\xa4\t.\r\n")) == 0);
    CHECK(status_for("GET / HTTP/1.1\r\nHost: a\r\n\n") == 400);
    CHECK(status_for("GET / HTTP/1.1\nHost: a\n\n") == 400);
}

TEST_CASE("every byte is judged the same wherever it stands in a name or a value") {
    const std::string_view rare_tokens = "!#$%&'*+-.^_`|~";
    for (int c = 0; c < 256; ++c) {
        const char byte = static_cast<char>(c);
        const bool alphanumeric = std::isalnum(c) != 0 && c < 128;
        const bool token = alphanumeric || (c != 0 && rare_tokens.find(byte) != std::string_view::npos);
        const bool value = c == '\t' || (c >= 0x20 && c != 0x7f);
        for (std::size_t at = 0; at < 36; ++at) {
            CAPTURE(c);
            CAPTURE(at);
            std::string text(36, 'x');
            text[at] = byte;
            const bool ends_name = byte == ':' && at > 0;
            const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
            REQUIRE(status_for(start + text + ": y\r\n\r\n") == (token || ends_name ? 0 : 400));
            REQUIRE(status_for(start + "X: " + text + "\r\n\r\n") == (value ? 0 : 400));
        }
    }
}

TEST_CASE("exactly one Host, and a right one") {
    const auto with = [](std::string_view fields) { return "GET / HTTP/1.1\r\n" + std::string(fields) + "\r\n"; };
    for (const std::string_view fields :
         {"", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: a,b\r\nHost: c\r\n", "Host: u@a\r\n", "Host: a/b\r\n",
          "Host: a:b\r\n", "Host: a:80:80\r\n", "Host: a:99999\r\n", "Host: [::1\r\n", "Host: [::1]x\r\n",
          "Host: [x]\r\n", "Host: :80\r\n", "Host: %4\r\n", "Host: a?b\r\n", "Host: a#b\r\n", "Host: a\\b\r\n"}) {
        CAPTURE(fields);
        CHECK(status_for(with(fields)) == 400);
    }
    for (const std::string_view host :
         {"a", "A.b-c_d", "127.0.0.1:80", "[::1]", "[fe80::1]:8080", "a:", "%41", "a,b"}) {
        CAPTURE(host);
        CHECK(status_for(with("Host: " + std::string(host) + "\r\n")) == 0);
    }
    CHECK(status_for("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
}

TEST_CASE("a length is one plain number") {
    const auto with = [](std::string_view fields) {
        return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
    };
    for (const std::string_view value :
         {"", "+5", "-5", "0x5", "5 5", "5,5", "5, 5", "5;", "5.0", "5e0", "\"5\"", " 5 6", "9223372036854775808",
          "18446744073709551616", "99999999999999999999999999", "five", "5_0", "\xd9\xa5"}) {
        CAPTURE(value);
        CHECK(status_for(with("Content-Length: " + std::string(value) + "\r\n")) == 400);
    }
    CHECK(status_for(with("Content-Length: 5\r\nContent-Length: 5\r\n")) == 400);
    CHECK(status_for(with("Content-Length: 5\r\ncontent-length: 6\r\n")) == 400);
    CHECK(status_for(with("Content-Length: 0000000000000000000000005\r\n")) == 0);
    CHECK(status_for(with("Content-Length: \t 5 \t\r\n")) == 0);
    CHECK(status_for(with("Content-Length: 9223372036854775807\r\n")) == 413);
}

TEST_CASE("chunked stands alone, or the length is nobody's guess") {
    const auto with = [](std::string_view fields) {
        return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
    };
    CHECK(status_for(with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")) == 400);
    CHECK(status_for(with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")) == 400);
    CHECK(status_for(with("Content-Length: 0\r\nTransfer-Encoding: identity\r\n")) == 400);
    CHECK(status_for(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
    CHECK(status_for(with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")) == 400);
    CHECK(status_for("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
    const std::vector<Case> values = {
        {"", 400},
        {",", 400},
        {"gzip", 400},
        {"identity", 400},
        {"chunked, chunked", 400},
        {"chunked, gzip", 400},
        {"chunked,", 400},
        {",chunked", 400},
        {"gzip, chunked", 501},
        {"foo, chunked", 501},
        {"xchunked", 501},
        {"chunked;q=1", 400},
        {"\"chunked\"", 400},
        {"chunked foo", 400},
        {"identity, chunked", 501},
        {"\x0b"
         "chunked",
         400},
        {"CHUNKED", 0},
        {"chunked ", 0},
    };
    for (const Case& one : values) {
        CAPTURE(one.input);
        CHECK(status_for(with("Transfer-Encoding: " + std::string(one.input) + "\r\n")) == one.status);
    }
    CHECK(status_for(with("Transfer-Encoding : chunked\r\n")) == 400);
    CHECK(status_for(with("Transfer_Encoding: chunked\r\nContent-Length: 3\r\n")) == 0);
}

TEST_CASE("an expectation that nobody knows is refused") {
    CHECK(status_for("PUT / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n") == 417);
    CHECK(status_for("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n") == 417);
}

std::string chunked_request(std::string_view body) {
    return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

TEST_CASE("wrong chunks are refused") {
    for (const std::string_view body : {"x\r\n",
                                        "\r\n",
                                        ";a\r\n",
                                        "0x5\r\n",
                                        "+5\r\n",
                                        "-5\r\n",
                                        " 5\r\n",
                                        "5 \r\n",
                                        "5\n",
                                        "5\r\r\n",
                                        "5\rx\n",
                                        "5;\r\n",
                                        "5;a=\r\n",
                                        "5;a=\"\r\n",
                                        "5;a=\"\n\"\r\n",
                                        "5;a b\r\n",
                                        "5 ;a =\x01\r\n",
                                        "5,\r\n",
                                        "ffffffffffffffff\r\n",
                                        "8000000000000000\r\n",
                                        "00000000000000005\r\n",
                                        "1\r\nab",
                                        "1\r\na\n",
                                        "1\r\na\rb",
                                        "0\r\nContent-Length: 5\r\n\r\n",
                                        "0\r\ntransfer-encoding: chunked\r\n\r\n",
                                        "0\r\nHost: b\r\n\r\n",
                                        "0\r\nA : b\r\n\r\n",
                                        "0\r\nA: b\n\r\n",
                                        "0\r\n A: b\r\n\r\n",
                                        "0\n\r\n"}) {
        CAPTURE(body);
        const std::string input = chunked_request(body);
        CHECK(status_for(input) == 400);
        CHECK(run(input).is(Errc::remote_protocol));
    }
    CHECK(run(chunked_request("a ; b ; c = d;e=\"\\\"f,\"\r\n0123456789\r\n0;x\r\n\r\n")).events.find("0123456789|>") !=
          std::string::npos);
}

TEST_CASE("a request that is cut short is an error at the end, and nothing is one between requests") {
    CHECK(run("").code.value() == 0);
    CHECK(run("\r\n").code.value() == 0);
    CHECK(run("G").is(Errc::end_of_stream));
    CHECK(run("GET / HTTP/1.1\r\nHost: a\r\n").is(Errc::end_of_stream));
    CHECK(run("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx").is(Errc::end_of_stream));
    CHECK(run(chunked_request("2\r\nab\r\n")).is(Errc::end_of_stream));
    CHECK(run(chunked_request("0\r\n")).is(Errc::end_of_stream));
    CHECK(run(chunked_request("0\r\nA: b\r\n")).is(Errc::end_of_stream));
}

TEST_CASE("each limit holds to the byte, however the input is cut") {
    Limits limits;
    limits.request_line = 32;
    limits.head = 64;
    limits.fields = 3;
    limits.trailers = 24;
    limits.body = 10;
    const auto line = [](std::size_t size) { return "GET /" + std::string(size - 16, 'x') + " HTTP/1.1\r\n"; };
    CHECK(status_for(line(32) + "Host: a\r\n\r\n", limits) == 0);
    CHECK(run(line(33) + "Host: a\r\n\r\n", limits).is(Errc::limit_exceeded));
    CHECK(status_for(line(33), limits) == 414);
    CHECK(status_for(std::string(33, 'x'), limits) == 414);
    CHECK(status_for(std::string(32, 'x'), limits) == 0);

    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
    const auto field = [](std::size_t size) { return "X: " + std::string(size - 5, 'y') + "\r\n"; };
    CHECK(status_for(start + field(64 - start.size() - 2) + "\r\n", limits) == 0);
    CHECK(status_for(start + field(64 - start.size() - 1) + "\r\n", limits) == 431);
    CHECK(run(start + field(64 - start.size() - 1) + "\r\n", limits).is(Errc::limit_exceeded));
    CHECK(run(start + field(100) + "\r\n", limits).is(Errc::limit_exceeded));
    CHECK(run(start + std::string(100, '\x01') + "\r\n", limits).is(Errc::limit_exceeded));
    CHECK(status_for(start + "a:\r\nb:\r\n\r\n", limits) == 0);
    CHECK(status_for(start + "a:\r\nb:\r\nc:\r\n\r\n", limits) == 431);

    Limits body = kDefaults;
    body.body = 10;
    body.trailers = 24;
    body.fields = 4;
    CHECK(status_for("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n", body) == 0);
    CHECK(run("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", body).is(Errc::limit_exceeded));
    CHECK(status_for("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", body) == 413);
    CHECK(status_for(chunked_request("5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n"), body) == 0);
    CHECK(run(chunked_request("5\r\nabcde\r\n6\r\nabcdef\r\n0\r\n\r\n"), body).is(Errc::limit_exceeded));
    CHECK(status_for(chunked_request("b\r\n"), body) == 413);
    CHECK(status_for(chunked_request("0\r\n" + field(22) + "\r\n"), body) == 0);
    CHECK(status_for(chunked_request("0\r\n" + field(23) + "\r\n"), body) == 431);
    CHECK(run(chunked_request("0\r\n" + field(23) + "\r\n"), body).is(Errc::limit_exceeded));
    CHECK(status_for(chunked_request("0\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n"), body) == 0);
    CHECK(status_for(chunked_request("0\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\n\r\n"), body) == 431);
}

TEST_CASE("a limit beyond the table of fields is the table's") {
    Limits limits;
    limits.fields = 1000;
    const auto with = [](std::size_t fields) {
        std::string input = "GET / HTTP/1.1\r\nHost: a\r\n";
        for (std::size_t i = 1; i < fields; ++i) input += "a: b\r\n";
        return input + "\r\n";
    };
    CHECK(status_for(with(HeaderTable::kCapacity), limits) == 0);
    CHECK(status_for(with(HeaderTable::kCapacity + 1), limits) == 431);
    CHECK(run(with(HeaderTable::kCapacity + 40), limits).is(Errc::limit_exceeded));
}

TEST_CASE("the limit of one body can be moved") {
    std::string_view input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    RequestParser parser(kDefaults);
    RequestEvent event;
    REQUIRE(parser.next(input, event) == Step::event);
    parser.limit_body(2);
    CHECK(parser.next(input, event) == Step::error);
    CHECK(parser.status() == 413);
}

TEST_CASE("chunks that are more framing than data are refused") {
    std::string body;
    for (int i = 0; i < 200; ++i) body += "1;" + std::string(300, 'x') + "\r\na\r\n";
    CHECK(status_for(chunked_request(body)) == 400);
    std::string thin;
    for (int i = 0; i < 20000; ++i) thin += "1\r\na\r\n";
    CHECK(status_for(chunked_request(thin)) == 0);
    CHECK(status_for(chunked_request("1;" + std::string(600, 'x'))) == 400);
}

// What has been scanned is overwritten with line ends: a parser that looked there again would stumble.
TEST_CASE("a long line that comes byte by byte is scanned once") {
    Limits limits;
    limits.head = 1024 * 1024;
    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
    const std::string input = start + "X: " + std::string(200 * 1024, 'x') + "\r\n\r\n";
    std::string memory = input;
    RequestParser parser(limits);
    RequestEvent event;
    bool waits = true;
    for (std::size_t known = 1; known + 3 < input.size(); ++known) {
        std::string_view so_far(memory.data(), known);
        waits = waits && parser.next(so_far, event) == Step::need_more;
        if (known > start.size()) memory[known - 1] = '\n';
    }
    CHECK(waits);
    std::string_view all = input;
    REQUIRE(parser.next(all, event) == Step::event);
    CHECK(event.head.headers.value("x").size() == 200 * 1024);
}

TEST_CASE("an error is from a place of ours") {
    CHECK(std::string_view(error_of(Fault::bad_host).place().file_name()).ends_with("wire/http1/fault.cpp"));
}

TEST_CASE("the state of an idle parser is small") { CHECK(sizeof(RequestParser) <= 80); }

}  // namespace
}  // namespace bine::http1
