// What the server does with those who are too slow, too much, or wrong.
#include <doctest/doctest.h>

#include <chrono>

#include "bine/http/router.h"
#include "bine/http/server.h"
#include "tests/http/client.h"

namespace bine::http {
namespace {

using namespace std::chrono_literals;

Router small_site() {
    Router router;
    router.get("/", [](Request&) { return Response::text("root\n"); });
    router.post("/echo", [](Request& request) { return Response::text(request.content()); });
    router.post("/ignore", [](Request&) -> Deferred<Response> { co_return Response::text("thanks\n"); });
    router.post("/small", [](Request& request) -> Deferred<Response> {
        const std::string body = co_await request.body(4);
        co_return Response::text(body);
    });
    router.get("/big", [](Request&) { return Response::text(std::string(100'000, 'x')); });
    return router;
}

bool is_refusal(const std::string& said, int status) {
    return said.starts_with("HTTP/1.1 " + std::to_string(status) + " ") &&
           said.find("\r\nConnection: close\r\n") != std::string::npos &&
           said.find("HTTP/1.1 ", 1) == std::string::npos;
}

TEST_CASE("whatever is malformed gets its status, then the connection is closed and nothing behind it is answered") {
    struct Case {
        std::string_view input;
        int status;
    };
    const std::vector<Case> cases = {
        {"nonsense\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 400},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n", 417},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"\x16\x03\x01\x02\x05\x01", 400},
    };
    for (const Case& one : cases) {
        CAPTURE(one.input);
        for (const bool bytewise : {false, true}) {
            CapturedLog log;
            Client client(small_site());
            CHECK(client.send(get("/")) == ok("root\n"));
            if (bytewise) client.transport.receive_byte_by_byte(one.input);
            const std::string said = bytewise ? client.answers() : client.send(one.input);
            CHECK(is_refusal(said, one.status));
            client.transport.receive(get("/"));
            client.transport.settle();
            CHECK(client.answers().empty());
            CHECK(client.closed());
        }
    }
}

TEST_CASE("refusals are logged once a second, with the number of those that were not") {
    CapturedLog log;
    Server server(small_site());
    testing::StringTransport first;
    for (int i = 0; i < 5; ++i) {
        testing::StringTransport transport(first.reactor());
        transport.start(server.make_protocol());
        transport.receive("nonsense\r\n");
        transport.settle();
    }
    CHECK(log.lines.size() == 1);
    first.advance(1s);
    testing::StringTransport transport(first.reactor());
    transport.start(server.make_protocol());
    transport.receive("nonsense\r\n");
    transport.settle();
    REQUIRE(log.lines.size() == 2);
    CHECK(log.lines[1].find("not_logged=4") != std::string::npos);
}

TEST_CASE("what is wrong with a body is said as well, and that a connection is given up") {
    const auto said_of = [](std::string_view input, Duration wait, std::string_view wanted) {
        CapturedLog log;
        Client client(small_site());
        client.transport.receive(input);
        client.transport.settle();
        client.after(wait);
        return client.closed() && log.lines.size() == 1 && log.lines[0].find(wanted) != std::string::npos;
    };
    const std::string chunked = " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string refused = "refused a request", gave_up = "gave up a connection";
    CHECK(said_of("POST /echo" + chunked + "x\r\n", 0s, refused));
    CHECK(said_of("POST /echo" + chunked + "1\r\nx", 6s, refused));
    CHECK(said_of("POST /ignore" + chunked + "x\r\n", 0s, gave_up));
    CHECK(said_of("POST /ignore" + chunked + "1\r\nx", 20s, gave_up));
    CHECK(said_of("POST /ignore" + chunked + "10001\r\n" + std::string(0x10001, 'x'), 0s, gave_up));

    CapturedLog log;
    Client never(small_site());
    never.transport.stall_output();
    never.transport.receive(get("/big"));
    never.transport.settle();
    never.after(150s);
    CHECK(never.transport.is_aborted());
    REQUIRE(log.lines.size() == 1);
    CHECK(log.lines[0].find(gave_up) != std::string::npos);
}

TEST_CASE("that an answer could not be sent to its end is said") {
    CapturedLog log;
    Client client(small_site());
    client.transport.stall_output();
    client.transport.receive(get("/big"));
    client.transport.settle();
    client.transport.fail(Error(Errc::local_protocol, "send a file: it has become shorter"));
    client.transport.settle();
    CHECK(client.closed());
    REQUIRE(log.lines.size() == 1);
    CHECK(log.lines[0].find("an answer broke off") != std::string::npos);
}

TEST_CASE("that a client leaves TLS without a word while nothing is asked is no error") {
    CapturedLog log;
    Client client(small_site());
    client.transport.receive(get("/"));
    client.transport.settle();
    client.transport.fail(Error(Errc::end_of_stream, "TLS: cut off"));
    client.transport.settle();
    CHECK(client.closed());
    CHECK(log.lines.empty());
}

TEST_CASE("what is too long is refused") {
    CapturedLog log;
    const auto said_to = [](const std::string& input) { return Client(small_site()).send(input); };
    CHECK(is_refusal(said_to("GET /" + std::string(9000, 'x')), 414));
    CHECK(is_refusal(said_to(get("/", "X: " + std::string(33000, 'x') + "\r\n")), 431));
    std::string many;
    for (int i = 0; i < 100; ++i) many += "a: b\r\n";
    CHECK(is_refusal(said_to(get("/", many)), 431));
    CHECK(is_refusal(said_to("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"), 413));
    CHECK(is_refusal(said_to("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"), 413));
    CHECK(is_refusal(said_to(post("/small", "12345")), 413));
    CHECK(said_to(post("/small", "1234")) == ok("1234"));
}

TEST_CASE("a head has ten seconds from its first byte, however it trickles") {
    CapturedLog log;
    Client client(small_site());
    CHECK(client.after(30s).empty());
    client.transport.receive("GET / HTTP/1.1\r\n");
    for (int i = 0; i < 9; ++i) CHECK(client.after(1s) + client.send("a: b\r\n") == "");
    CHECK(client.after(999ms).empty());
    CHECK(is_refusal(client.after(1ms), 408));
    CHECK(client.closed());
}

TEST_CASE("the head of the second request has its own ten seconds") {
    Client client(small_site());
    client.transport.receive("GET / HTTP/1.1\r\n");
    CHECK(client.after(9s).empty());
    CHECK(client.send("Host: a\r\n\r\nGET / HT") == ok("root\n"));
    CHECK(client.after(9s).empty());
    CHECK(client.send("TP/1.1\r\nHost: a\r\n\r\n") == ok("root\n"));
    CHECK_FALSE(client.closed());
}

TEST_CASE("an idle connection is closed after a minute, without a word") {
    Client client(small_site());
    CHECK(client.after(59s).empty());
    CHECK(client.send(get("/")) == ok("root\n"));
    CHECK(client.after(59s).empty());
    CHECK_FALSE(client.closed());
    CHECK(client.after(1s).empty());
    CHECK(client.closed());
}

TEST_CASE("a body that comes slower than it may is given up") {
    CapturedLog log;
    Client client(small_site());
    client.transport.receive("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 30; ++i) {
        CHECK(client.after(1s) + client.send(std::string(1024, 'x')) == "");
    }
    CHECK_FALSE(client.closed());
    int seconds = 0;
    std::string said;
    while (said.empty() && seconds < 60) {
        said = client.after(1s);
        client.transport.receive("x");
        ++seconds;
    }
    CHECK(is_refusal(said, 408));
    CHECK(seconds >= 5);
    CHECK(seconds <= 6);
    CHECK(client.closed());
}

TEST_CASE("bytes that come fast earn time, but not without end") {
    CapturedLog log;
    Client client(small_site());
    client.transport.receive("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
                             std::string(900'000, 'x'));
    CHECK(client.after(19s).empty());
    CHECK(is_refusal(client.after(1s), 408));
}

TEST_CASE("a handler has all the time it wants") {
    Promise<> promise;
    Deferred<> opened = promise.deferred();
    Client client([&opened](Request&) -> Deferred<Response> {
        co_await std::move(opened);
        co_return Response::text("x");
    });
    client.transport.receive(get("/"));
    CHECK(client.after(1h).empty());
    CHECK_FALSE(client.closed());
    std::move(promise).resolve();
    client.transport.settle();
    CHECK(client.answers() == ok("x"));
    CHECK(client.after(59s).empty());
    CHECK_FALSE(client.closed());
    client.after(1s);
    CHECK(client.closed());
}

TEST_CASE("a client that reads nothing is given up, one that reads slowly is not") {
    Client never(small_site());
    never.transport.stall_output();
    never.transport.receive(get("/big"));
    never.transport.settle();
    never.transport.advance(29s);
    CHECK_FALSE(never.transport.is_aborted());
    never.transport.advance(31s);
    CHECK(never.transport.is_lost());
    CHECK(never.transport.is_aborted());

    Client slow(small_site());
    slow.transport.stall_output();
    slow.transport.receive(get("/big"));
    for (int i = 0; i < 10; ++i) {
        slow.transport.advance(25s);
        slow.transport.accept_output(1000);
        slow.transport.settle();
    }
    CHECK_FALSE(slow.transport.is_lost());
}

TEST_CASE("a client that pipelines and does not read is not served without end") {
    Client client(small_site());
    client.transport.stall_output();
    std::string input;
    for (int i = 0; i < 1000; ++i) input += get("/big");
    client.transport.receive(input);
    client.transport.settle();
    CHECK(client.transport.queued() < 400'000);
    client.transport.accept_output();
    client.transport.settle();
    CHECK(client.server.requests_answered() == 1000);
}

TEST_CASE("a body that nobody reads is let by when it is short, and ends the connection when it is long") {
    Client client(small_site());
    CHECK(client.send(post("/ignore", std::string(1000, 'x')) + get("/")) == ok("thanks\n") + ok("root\n"));
    CHECK(client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + std::string(70'000, 'x') +
                      get("/")) == ok("thanks\n", "Connection: close\r\n"));
    CHECK(client.closed());

    Client chunked(small_site());
    CHECK(chunked.send("POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") == ok("thanks\n"));
    for (int i = 0; i < 65; ++i) chunked.send("400\r\n" + std::string(1024, 'x') + "\r\n");
    CHECK(chunked.closed());
    CHECK(chunked.send(get("/")).empty());
}

TEST_CASE("what nobody answers is refused without waiting for its body") {
    Client client(small_site());
    const std::string head = " HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n";
    CHECK(is_refusal(client.send("POST /" + head), 405));
    CHECK(client.closed());
    Client other(small_site());
    CHECK(is_refusal(other.send("POST /none" + head), 404));
}

TEST_CASE("what is wrong in a body that nobody reads ends the connection, and is not taken for a request") {
    CapturedLog log;
    Client client(small_site());
    CHECK(client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + get("/")) ==
          ok("thanks\n"));
    CHECK(client.closed());
}

TEST_CASE("100 Continue is sent when the body is wanted, and not otherwise") {
    Client client(small_site());
    const std::string head = " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    CHECK(client.send("POST /echo" + head) == "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(client.send("hi") == ok("hi"));
    CHECK(client.send("POST /ignore" + head) == ok("thanks\n", "Connection: close\r\n"));
    CHECK(client.closed());

    CapturedLog log;
    const std::string wait = " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ";
    CHECK(is_refusal(Client(small_site()).send("POST /echo" + wait + "1048577\r\n\r\n"), 413));
    CHECK(is_refusal(Client(small_site()).send("POST /small" + wait + "5\r\n\r\n"), 413));
}

TEST_CASE("a body that is cut short is a 400 for those who still listen") {
    CapturedLog log;
    Client client(small_site());
    client.transport.receive("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    client.transport.receive_end();
    client.transport.settle();
    CHECK(is_refusal(client.answers(), 400));
    CHECK(client.closed());
}

}  // namespace
}  // namespace bine::http
