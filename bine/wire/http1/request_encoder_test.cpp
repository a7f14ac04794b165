#include "bine/wire/http1/request_encoder.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "bine/wire/http1/request_parser.h"

namespace bine::http1 {
namespace {

std::string head_of(const RequestStart& start) {
    RequestEncoder encoder;
    Output output;
    const Result<> sent = encoder.head(start, output);
    return sent ? output.to_string() : "refused: " + sent.error().text();
}

bool refused(const RequestStart& start) { return head_of(start).starts_with("refused: "); }

TEST_CASE("a request without a body says of one only where a server may wait for it") {
    CHECK(head_of({.target = "/a?b", .host = "example.org"}) == "GET /a?b HTTP/1.1\r\nHost: example.org\r\n\r\n");
    CHECK(head_of({.method = "POST", .host = "a"}) == "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    CHECK(head_of({.method = "DELETE", .host = "a"}) == "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(head_of({.method = "DELETE", .host = "a", .length = 0}) ==
          "DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    CHECK(head_of({.host = "a", .expect_continue = true}) == "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST_CASE("the fields come between the Host and what frames the message") {
    const std::array<Header, 2> headers{{{"B", "2"}, {"C", ""}}};
    CHECK(head_of({.method = "PUT",
                   .host = "[::1]:8080",
                   .chunked = true,
                   .expect_continue = true,
                   .close = true,
                   .lines = "A: 1\r\n",
                   .headers = headers}) ==
          "PUT / HTTP/1.1\r\nHost: [::1]:8080\r\nA: 1\r\nB: 2\r\nC: \r\n"
          "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    const std::array<Header, 1> upgrade{{{"Upgrade", "websocket"}}};
    CHECK(head_of({.host = "a", .upgrade = true, .headers = upgrade}) ==
          "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
}

TEST_CASE("nothing that came from outside makes a line of its own") {
    for (const std::string_view wrong : {"", "a b", "a\r\n", "\xc3\xa4", "G@T", "a:"})
        CHECK(refused({.method = wrong, .host = "a"}));
    for (const std::string_view wrong : {"", "/a b", "/a\r\nX: y", "/\xc3\xa4", "/a#b", "/\x7f"})
        CHECK(refused({.target = wrong, .host = "a"}));
    for (const std::string_view wrong : {"a b", "a\r\nX: y", "a/b", "u@a", "a:b", "[::1"})
        CHECK(refused({.host = wrong}));
    const auto refuses = [](std::string_view name, std::string_view value) {
        const Header header{name, value};
        return refused({.host = "a", .headers = {&header, 1}});
    };
    CHECK_FALSE(refuses("A", "b"));
    CHECK(refuses("A", "b\r\nX: y"));
    CHECK(refuses("A", "b\n"));
    CHECK(refuses("A\r\nX", "b"));
    CHECK(refuses("A ", "b"));
    CHECK(refuses("", "b"));
    for (const std::string_view framing : {"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Expect"})
        CHECK(refuses(framing, "1"));
    CHECK(refused({.host = "a", .length = 1, .chunked = true}));
}

TEST_CASE("a body is as long as it was announced") {
    RequestEncoder encoder;
    Output output;
    CHECK_FALSE(encoder.body("x", output));
    CHECK_FALSE(encoder.end({}, output));
    REQUIRE(encoder.head({.method = "PUT", .host = "a", .length = 5}, output));
    CHECK_FALSE(encoder.head({.host = "a"}, output));
    REQUIRE(encoder.body("hel", output));
    CHECK_FALSE(encoder.body("lo!", output));
    CHECK(encoder.end({}, output).error().is(Errc::local_protocol));
    Output rest;
    rest.append("lo");
    REQUIRE(encoder.body(std::move(rest), output));
    REQUIRE(encoder.end({}, output));
    CHECK(output.to_string() == "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    CHECK_FALSE(encoder.under_way());
}

TEST_CASE("a body of unknown length goes out in chunks, with trailers") {
    RequestEncoder encoder;
    Output output;
    REQUIRE(encoder.head({.method = "POST", .host = "a", .chunked = true}, output));
    output.clear();
    REQUIRE(encoder.body("hello", output));
    REQUIRE(encoder.body("", output));
    Output more;
    more.append("world, and");
    REQUIRE(encoder.body(std::move(more), output));
    const Header wrong{"Content-Length", "1"};
    CHECK_FALSE(encoder.end({&wrong, 1}, output));
    const Header trailer{"Sum", "15"};
    REQUIRE(encoder.end({&trailer, 1}, output));
    CHECK(output.to_string() == "5\r\nhello\r\na\r\nworld, and\r\n0\r\nSum: 15\r\n\r\n");
}

TEST_CASE("what is written is what the parser of requests reads") {
    RequestEncoder encoder;
    Output output;
    const Header header{"X-Value", "\xc3\xa4 \t!"};
    REQUIRE(encoder.head({.method = "M-SEARCH", .target = "*a", .host = "a", .headers = {&header, 1}}, output));
    CHECK(output.to_string().starts_with("M-SEARCH *a HTTP/1.1\r\n"));
    output.clear();
    REQUIRE(encoder.end({}, output));
    REQUIRE(encoder.head({.method = "PURGE", .target = "/p?q", .host = "h:1", .length = 2, .headers = {&header, 1}},
                         output));
    REQUIRE(encoder.body("ok", output));
    REQUIRE(encoder.end({}, output));
    const std::string bytes = output.to_string();
    std::string_view input = bytes;
    const Limits limits;
    RequestParser parser(limits);
    RequestEvent event;
    REQUIRE(parser.next(input, event) == wire::Step::event);
    CHECK(event.head.method_name == "PURGE");
    CHECK(event.head.target == "/p?q");
    CHECK(event.head.authority == "h:1");
    CHECK(event.head.headers.value("x-value") == "\xc3\xa4 \t!");
    REQUIRE(parser.next(input, event) == wire::Step::event);
    CHECK(event.body == "ok");
}

}  // namespace
}  // namespace bine::http1
