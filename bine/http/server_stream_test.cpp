// Bodies that come and go bit by bit.
#include <doctest/doctest.h>

#include <stdexcept>

#include "bine/http/router.h"
#include "bine/http/server.h"
#include "tests/http/client.h"

namespace bine::http {
namespace {

std::string chunked(std::string_view body, std::string_view more = {}) {
    return "HTTP/1.1 200 OK\r\n" + std::string(more) + "Transfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

TEST_CASE("a coroutine reads a body piece by piece, and its trailers") {
    std::string seen;
    Client client([&seen](Request& request) -> Deferred<Response> {
        for (;;) {
            const std::string_view piece = co_await request.read();
            if (piece.empty()) break;
            seen += "[" + std::string(piece) + "]";
        }
        for (const Header& trailer : request.trailers())
            seen += std::string(trailer.name) + "=" + std::string(trailer.value);
        co_return Response(204);
    });
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nd");
    CHECK(seen == "[abc][d]");
    CHECK(client.send("e\r\n0\r\nSum: 5\r\n\r\n") == "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(seen == "[abc][d][e]Sum=5");
}

TEST_CASE("a body is read no faster than its handler reads") {
    Promise<> promise;
    Deferred<> opened = promise.deferred();
    std::size_t got = 0;
    Client client([&](Request& request) -> Deferred<Response> {
        const std::string_view first = co_await request.read();
        got += first.size();
        co_await std::move(opened);
        for (;;) {
            const std::string_view piece = co_await request.read();
            if (piece.empty()) break;
            got += piece.size();
        }
        co_return Response::text(std::to_string(got));
    });
    client.transport.receive("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + std::string(1000, 'x'));
    for (int i = 0; i < 99; ++i) client.transport.receive(std::string(10'000, 'x'));
    CHECK(got == 1000);
    CHECK(client.transport.reading_is_paused());
    std::move(promise).resolve();
    client.transport.settle();
    CHECK(client.answers().empty());
    CHECK_FALSE(client.transport.reading_is_paused());
    CHECK(client.send(std::string(9'000, 'x')) == ok("1000000"));
}

TEST_CASE("a dropped read loses nothing") {
    Deferred<std::string_view> reading;
    std::string all;
    Promise<> promise;
    Deferred<> opened = promise.deferred();
    Client client([&](Request& request) -> Deferred<Response> {
        reading = request.read();
        co_await std::move(opened);
        all = co_await request.body();
        co_return Response::text(all);
    });
    client.transport.receive("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
    reading = {};
    client.transport.receive("abc");
    std::move(promise).resolve();
    CHECK(client.send("def") == ok("abcdef"));
}

TEST_CASE("reading on behind the end gives the end again") {
    Client client([](Request& request) -> Deferred<Response> {
        const std::string body = co_await request.body();
        const std::string_view more = co_await request.read();
        const std::string again = co_await request.body();
        co_return Response::text(body + "," + std::string(more) + "," + again);
    });
    CHECK(client.send(post("/", "abc")) == ok("abc,,"));
    CHECK(client.send(get("/")) == ok(",,"));
}

TEST_CASE("a stream goes out in chunks, with trailers, and the next answer behind it") {
    Router router;
    router.get("/", [](Request&) { return Response::text("root\n"); });
    router.get("/stream", [](Request&, ResponseWriter& out) -> Deferred<> {
        out.head().set("X-Kind", "stream");
        co_await out.write("one");
        co_await out.write("");
        co_await out.write("twenty bytes of text");
        out.trailer("Sum", "23");
    });
    Client client(std::move(router));
    CHECK(client.send(get("/stream") + get("/")) ==
          chunked("3\r\none\r\n14\r\ntwenty bytes of text\r\n0\r\nSum: 23\r\n\r\n", "X-Kind: stream\r\n") +
              ok("root\n"));
    CHECK(client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get("/")) ==
          "HTTP/1.1 200 OK\r\nX-Kind: stream\r\n\r\n" + ok("root\n"));
    CHECK(client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nX-Kind: stream\r\nConnection: close\r\n\r\nonetwenty bytes of text");
    CHECK(client.closed());
}

TEST_CASE("a stream of known length is sent as such, and one that breaks its word is aborted") {
    CapturedLog log;
    const auto site = [](std::string_view body) {
        return [text = std::string(body)](Request&) {
            return Response::stream([text](ResponseWriter& out) -> Deferred<> { co_await out.write(text); }).length(5);
        };
    };
    Client right(site("hello"));
    CHECK(right.send(get("/")) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    Client short_one(site("hell"));
    CHECK(short_one.send(get("/") + get("/")) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
    CHECK(short_one.transport.is_aborted());
    Client long_one(site("hello!"));
    CHECK(long_one.send(get("/") + get("/")) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    CHECK(long_one.transport.is_aborted());
}

TEST_CASE("a stream that fails before its first byte is a 500, later it breaks the connection") {
    CapturedLog log;
    Client early([](Request&, ResponseWriter&) -> Deferred<> { return failed(Errc::not_found, "nothing"); });
    CHECK(early.send(get("/")).starts_with("HTTP/1.1 500 "));
    CHECK_FALSE(early.closed());
    CHECK(log.lines.size() == 1);

    Client thrown([](Request&) {
        return Response::stream([](ResponseWriter&) -> Deferred<> { throw std::runtime_error("oh"); });
    });
    CHECK(thrown.send(get("/")).starts_with("HTTP/1.1 500 "));

    Client late([](Request&, ResponseWriter& out) -> Deferred<> {
        co_await out.write("half");
        throw std::runtime_error("oh");
    });
    CHECK(late.send(get("/") + get("/")) == chunked("4\r\nhalf\r\n"));
    CHECK(late.transport.is_aborted());
    CHECK(log.lines.size() == 3);
}

TEST_CASE("a stream waits for a client that lags") {
    int written = 0;
    Client client([&written](Request&, ResponseWriter& out) -> Deferred<> {
        for (; written < 100; ++written) co_await out.write(std::string(10'000, 'x'));
    });
    client.transport.stall_output();
    client.transport.receive(get("/"));
    client.transport.settle();
    CHECK(written < 10);
    const int before = written;
    client.transport.accept_output(60'000);
    client.transport.settle();
    CHECK(written > before);
    CHECK(written < 20);
    client.transport.accept_output();
    client.transport.settle();
    CHECK(written == 100);
    CHECK(client.answers().ends_with("\r\n0\r\n\r\n"));
}

TEST_CASE("room that comes before the lack of it was told is noticed") {
    Client streamed([](Request&, ResponseWriter& out) -> Deferred<> {
        for (int i = 0; i < 20; ++i) co_await out.write(std::string(100'000, 'x'));
    });
    streamed.transport.stall_output();
    streamed.transport.receive(get("/"));
    streamed.transport.accept_output();
    streamed.transport.settle();
    CHECK(streamed.answers().ends_with("\r\n0\r\n\r\n"));

    Client pipelined([](Request&) { return Response::text(std::string(100'000, 'x')); });
    pipelined.transport.stall_output();
    pipelined.transport.receive(get("/") + get("/") + get("/"));
    CHECK(pipelined.server.requests_answered() == 1);
    pipelined.transport.accept_output();
    pipelined.transport.settle();
    CHECK(pipelined.server.requests_answered() == 3);
}

TEST_CASE("a stream for a client that is gone ends") {
    bool ended = false;
    struct Mark {
        bool& flag;
        ~Mark() { flag = true; }
    };
    Client client([&ended](Request&, ResponseWriter& out) -> Deferred<> {
        const Mark mark{ended};
        for (;;) co_await out.write(std::string(10'000, 'x'));
    });
    client.transport.stall_output();
    client.transport.receive(get("/"));
    client.transport.settle();
    CHECK_FALSE(ended);
    client.transport.fail(Error(Errc::closed, "reset"));
    client.transport.settle();
    CHECK(ended);
}

TEST_CASE("an answer may be streamed while the body still comes") {
    Client client([](Request& request, ResponseWriter& out) -> Deferred<> {
        for (;;) {
            const std::string_view piece = co_await request.read();
            if (piece.empty()) break;
            co_await out.write(piece);
        }
    });
    CHECK(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc") == chunked("3\r\nabc\r\n"));
    CHECK(client.send("def" + post("/", "x")) == "3\r\ndef\r\n0\r\n\r\n" + chunked("1\r\nx\r\n0\r\n\r\n"));
}

TEST_CASE("large bodies of every kind arrive whole") {
    const std::string large(300'000, 'y');
    Router router;
    router.get("/text", [&large](Request&) { return Response::text(large); });
    router.get("/fixed", [&large](Request&) {
        Output body;
        body.append_fixed(large);
        return Response::of("x/y", std::move(body));
    });
    Client client(std::move(router));
    CHECK(client.send(get("/text")) == ok(large));
    CHECK(client.send(get("/fixed")) ==
          "HTTP/1.1 200 OK\r\nContent-Type: x/y\r\nContent-Length: 300000\r\n\r\n" + large);
}

Deferred<> endless(ResponseWriter& out) {
    for (;;) co_await out.write("x");
}

TEST_CASE("a producer without an end ends where the answer has no body") {
    Client client([](Request&) { return Response::stream(endless); });
    const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
    const std::string ask = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    CHECK(client.send(ask + ask) == head + head);
    CHECK_FALSE(client.closed());
}

TEST_CASE("a producer without an end does not go on while its connection ends") {
    testing::StringTransport* transport = nullptr;
    Client client([&transport](Request&) {
        return Response::stream([&transport](ResponseWriter& out) -> Deferred<> {
            co_await out.write("a");
            transport->abort();
            for (;;) co_await out.write("b");
        });
    });
    transport = &client.transport;
    client.send(get("/"));
    CHECK(client.closed());
}

}  // namespace
}  // namespace bine::http
