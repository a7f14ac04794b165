#include "bine/wire/http1/response_encoder.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "bine/wire/http1/request_parser.h"

namespace bine::http1 {
namespace {

RequestHead request(Method method = Method::get, uint8_t minor_version = 1, bool keep_alive = true) {
    RequestHead head;
    head.method = method;
    head.minor_version = minor_version;
    head.keep_alive = keep_alive;
    return head;
}

// The same by whole().
std::string encode_whole(const RequestHead& to, const ResponseHead& head, std::string_view body) {
    ResponseEncoder encoder(to);
    Output output;
    REQUIRE(encoder.whole(head, body, output).has_value());
    CHECK(encoder.body_bytes() == body.size());
    CHECK_FALSE(encoder.body("x", output).has_value());
    return output.to_string() + (encoder.keep_alive() ? "|" : "$");
}

// One response, with its body in one piece.
std::string encode(const RequestHead& to, const ResponseHead& head, std::string_view body,
                   std::span<const Header> trailers = {}) {
    ResponseEncoder encoder(to);
    Output output;
    REQUIRE(encoder.head(head, output).has_value());
    REQUIRE(encoder.body(body, output).has_value());
    REQUIRE(encoder.end(trailers, output).has_value());
    std::string said = output.to_string() + (encoder.keep_alive() ? "|" : "$");
    if (head.length == body.size()) CHECK(encode_whole(to, head, body) == said);
    return said;
}

TEST_CASE("a whole response has the length that it says") {
    for (const ResponseHead& head : {ResponseHead{.length = 4}, ResponseHead{}}) {
        ResponseEncoder encoder(request());
        Output output;
        CHECK(encoder.whole(head, "hello", output).error().is(Errc::local_protocol));
        CHECK(output.empty());
        CHECK_FALSE(encoder.begun());
    }
}

TEST_CASE("a body of known length") {
    const std::array<Header, 1> headers{{{"A", "b"}}};
    CHECK(encode(request(), {.length = 5, .lines = "X: y\r\n", .headers = headers}, "hello") ==
          "HTTP/1.1 200 OK\r\nX: y\r\nA: b\r\nContent-Length: 5\r\n\r\nhello|");
    CHECK(encode(request(Method::get, 1, false), {.status = 404, .length = 0}, "") ==
          "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$");
    CHECK(encode(request(), {.length = 0, .close = true}, "") ==
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$");
}

TEST_CASE("HTTP/1.0 is told when the connection stays") {
    CHECK(encode(request(Method::get, 0, true), {.length = 1}, "x") ==
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx|");
    CHECK(encode(request(Method::get, 0, true), {}, "x") == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx$");
}

TEST_CASE("a body of unknown length is chunked, with trailers behind it") {
    const std::array<Header, 1> trailers{{{"T", "1"}}};
    CHECK(encode(request(), {}, "hello world, sixteen+", trailers) ==
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\nhello world, sixteen+\r\n0\r\nT: 1\r\n\r\n|");
    CHECK(encode(request(), {}, "") == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n|");
}

TEST_CASE("HEAD, 204 and 304 have no body, whatever is written") {
    CHECK(encode(request(Method::head), {.length = 5}, "hello") == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n|");
    CHECK(encode(request(Method::head), {}, "hello") == "HTTP/1.1 200 OK\r\n\r\n|");
    CHECK(encode(request(), {.status = 304, .length = 5}, "") ==
          "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n|");
    CHECK(encode(request(), {.status = 204, .length = 0}, "") == "HTTP/1.1 204 No Content\r\n\r\n|");
    CHECK(encode(request(), {.status = 101, .lines = "Upgrade: x\r\n"}, "") ==
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n$");
}

TEST_CASE("what would break the message is refused, and nothing is sent") {
    const auto refused = [](const ResponseHead& head) {
        ResponseEncoder encoder(request());
        Output output;
        const Result<> result = encoder.head(head, output);
        return !result && result.error().is(Errc::local_protocol) && output.empty() && !encoder.begun();
    };
    const auto with = [&refused](std::string_view name, std::string_view value) {
        const std::array<Header, 1> headers{{{name, value}}};
        return refused({.headers = headers});
    };
    CHECK(with("A", "b\r\nSet-Cookie: c"));
    CHECK(with("A", "b\nc"));
    CHECK(with("A", "b\rc"));
    CHECK(with("A", std::string_view("b\0c", 3)));
    CHECK(with("A", " b"));
    CHECK(with("A", "b\t"));
    CHECK(with("A\r\nB", "c"));
    CHECK(with("A ", "b"));
    CHECK(with("", "b"));
    CHECK(with("A:", "b"));
    CHECK(with("Content-Length", "5"));
    CHECK(with("transfer-encoding", "chunked"));
    CHECK(with("Connection", "keep-alive"));
    CHECK_FALSE(with("A", "b c\t\xc3\xa4"));
    CHECK_FALSE(with("A", ""));
    CHECK(refused({.status = 100}));
    CHECK(refused({.status = 99}));
    CHECK(refused({.status = 600}));
}

TEST_CASE("a body keeps to its length") {
    ResponseEncoder encoder(request());
    Output output;
    CHECK_FALSE(encoder.body("x", output).has_value());
    CHECK_FALSE(encoder.end({}, output).has_value());
    REQUIRE(encoder.head({.length = 3}, output).has_value());
    CHECK_FALSE(encoder.head({.length = 3}, output).has_value());
    CHECK(encoder.body("ab", output).has_value());
    CHECK_FALSE(encoder.body("cd", output).has_value());
    CHECK_FALSE(encoder.end({}, output).has_value());
    CHECK(encoder.body("c", output).has_value());
    CHECK(encoder.end({}, output).has_value());
    CHECK_FALSE(encoder.body("", output).has_value());
    CHECK(output.to_string() == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
}

TEST_CASE("trailers are checked as fields are") {
    ResponseEncoder encoder(request());
    Output output;
    REQUIRE(encoder.head({}, output).has_value());
    const std::array<Header, 1> evil{{{"A", "b\r\n\r\nHTTP/1.1 200 OK"}}};
    CHECK_FALSE(encoder.end(evil, output).has_value());
    const std::array<Header, 1> framing{{{"Content-Length", "1"}}};
    CHECK_FALSE(encoder.end(framing, output).has_value());
    CHECK(encoder.end({}, output).has_value());
}

}  // namespace
}  // namespace bine::http1
