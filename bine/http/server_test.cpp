#include "bine/http/server.h"

#include <doctest/doctest.h>

#include <map>
#include <stdexcept>

#include "bine/async/sleep.h"
#include "bine/http/router.h"
#include "bine/reactor/shutdown.h"
#include "tests/http/client.h"

namespace bine::http {
namespace {

// Handlers that wait until the test lets them go, in any order.
struct Gate {
    Deferred<> wait(const std::string& name) {
        Promise<> promise;
        Deferred<> opened = promise.deferred();
        waiting.insert_or_assign(name, std::move(promise));
        return opened;
    }
    void open(const std::string& name) {
        Promise<> promise = std::move(waiting.at(name));
        waiting.erase(name);
        std::move(promise).resolve();
    }

    std::map<std::string, Promise<>> waiting;
};

Router small_site() {
    Router router;
    router.get("/", [](Request&) { return Response::text("root\n"); });
    router.get("/later", [](Request&) -> Deferred<Response> { co_return Response::text("later\n"); });
    router.post("/echo", [](Request& request) { return Response::text(request.content()); });
    router.get("/throws", [](Request&) -> Response { throw std::runtime_error("oh"); });
    router.get("/fails", [](Request&) -> Deferred<Response> { return failed(Errc::not_found, "no such row"); });
    router.get("/bad-field", [](Request& request) { return Response().set("X", *request.query_value("x")); });
    return router;
}

TEST_CASE("a request is answered, and the connection stays") {
    Client client(small_site());
    CHECK(client.send(get("/")) == ok("root\n"));
    CHECK(client.send(get("/")) == ok("root\n"));
    CHECK_FALSE(client.closed());
    CHECK(client.server.requests_answered() == 2);
}

TEST_CASE("a server may be destroyed when it has lost a connection that is not destroyed yet") {
    testing::StringTransport transport;
    auto server = std::make_unique<Server>(small_site());
    const std::unique_ptr<Protocol> connection = server->make_protocol();
    connection->connection_made(transport);
    CHECK(server->connections() == 1);
    connection->connection_lost(CloseReason(CloseReason::Kind::closed_there));
    CHECK(server->connections() == 0);
    server.reset();
}

TEST_CASE("answers carry the server's name and the date of their second") {
    Client client(small_site());
    client.transport.receive(get("/"));
    CHECK(client.transport.take_written().find("\r\nServer: bine\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n") !=
          std::string::npos);
    client.transport.advance(std::chrono::milliseconds(999));
    client.transport.receive(get("/"));
    CHECK(client.transport.take_written().find("01:46:40 GMT") != std::string::npos);
    client.transport.advance(std::chrono::milliseconds(1));
    client.transport.receive(get("/"));
    CHECK(client.transport.take_written().find("01:46:41 GMT") != std::string::npos);
}

TEST_CASE("a handler's own Date and Server replace the server's") {
    Client client([](Request&) { return Response().set("date", "then").set("Server", "other"); });
    client.transport.receive(get("/"));
    CHECK(client.transport.take_written() ==
          "HTTP/1.1 200 OK\r\ndate: then\r\nServer: other\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("a coroutine answers as a function does") {
    Client client(small_site());
    CHECK(client.send(get("/later")) == ok("later\n"));
    CHECK(client.send(get("/")) == ok("root\n"));
}

TEST_CASE("a plain handler has the whole body") {
    Client client(small_site());
    CHECK(client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel").empty());
    CHECK(client.send("lo") == ok("hello"));
    CHECK(
        client.send(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n") ==
        ok("abcde"));
    CHECK(client.send(post("/echo", "")) == ok(""));
}

TEST_CASE("a conversation is the same however it is cut") {
    const std::string input =
        get("/") + post("/echo", "one") + get("/later") + get("/none") +
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n" +
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/", "Connection: close\r\n") + get("/never");
    const std::string expected = ok("root\n") + ok("one") + ok("later\n") +
                                 answer("404 Not Found", "404 Not Found: There is nothing at this address.\n") +
                                 ok("two") + ok("root\n").substr(0, ok("root\n").size() - 5) +
                                 ok("root\n", "Connection: close\r\n");
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
        Client client(small_site());
        std::string said = client.send(std::string_view(input).substr(0, cut));
        said += client.send(std::string_view(input).substr(cut));
        REQUIRE(said == expected);
        REQUIRE(client.closed());
    }
    Client client(small_site());
    client.transport.receive_byte_by_byte(input);
    client.transport.settle();
    CHECK(client.answers() == expected);
}

TEST_CASE("pipelined requests are answered in their order, whichever handler is done first") {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        Gate gate;
        Client client([&gate](Request& request) -> Deferred<Response> {
            const std::string name(request.path());
            co_await gate.wait(name);
            co_return Response::text(name);
        });
        std::string input;
        std::string expected;
        for (int i = 0; i < 8; ++i) {
            input += get("/" + std::to_string(i));
            expected += ok("/" + std::to_string(i));
        }
        uint64_t chance = seed * 0x9e3779b97f4a7c15u;
        std::string said;
        while (!input.empty() || !gate.waiting.empty()) {
            chance = chance * 6364136223846793005u + 1442695040888963407u;
            if ((chance >> 60) < 8 && !input.empty()) {
                const std::size_t size = std::min<std::size_t>(input.size(), (chance >> 40) % 60);
                said += client.send(input.substr(0, size));
                input.erase(0, size);
            } else if (!gate.waiting.empty()) {
                gate.open(gate.waiting.begin()->first);
                client.transport.settle();
                said += client.answers();
            }
        }
        REQUIRE(said == expected);
    }
}

TEST_CASE("while a handler waits, what is pipelined behind it is not read without end") {
    Gate gate;
    Client client(
        [&gate](Request& request) -> Deferred<Response> {
            if (request.path() == "/wait") co_await gate.wait("it");
            co_return Response::text("x");
        },
        {.waiting_input = 100});
    CHECK(client.send(get("/wait") + get("/1")).empty());
    CHECK_FALSE(client.transport.reading_is_paused());
    CHECK(client.send(get("/2") + get("/3") + get("/4")).empty());
    CHECK(client.transport.reading_is_paused());
    gate.open("it");
    client.transport.settle();
    CHECK(client.answers() == ok("x") + ok("x") + ok("x") + ok("x") + ok("x"));
    CHECK_FALSE(client.transport.reading_is_paused());
}

TEST_CASE("a client that has ended its side is still answered") {
    Gate gate;
    Client client([&gate](Request& request) -> Deferred<Response> {
        co_await gate.wait("it");
        co_return Response::text(request.path());
    });
    client.transport.receive(get("/1") + get("/2") + "GET /cut");
    client.transport.receive_end();
    CHECK_FALSE(client.closed());
    gate.open("it");
    client.transport.settle();
    CHECK_FALSE(client.closed());
    gate.open("it");
    client.transport.settle();
    CHECK(client.answers() == ok("/1") + ok("/2"));
    CHECK(client.closed());
}

TEST_CASE("a body that has come is there for a handler that asks after its client has ended its side") {
    Gate gate;
    Client client([&gate](Request& request) -> Deferred<Response> {
        co_await gate.wait("it");
        std::string body = co_await request.body();
        co_return Response::text(body);
    });
    client.transport.receive(post("/", "hello"));
    client.transport.receive_end();
    gate.open("it");
    client.transport.settle();
    CHECK(client.answers() == ok("hello"));
    CHECK(client.closed());
}

TEST_CASE("what comes while a handler turns its reactor is answered behind it") {
    Client* there = nullptr;
    std::string later;
    Client client([&](Request& request) {
        if (!later.empty()) there->transport.receive(std::exchange(later, {}));
        return Response::text(request.path());
    });
    there = &client;
    later = get("/2") + "GET /3 HT";
    CHECK(client.send(get("/1")) == ok("/1") + ok("/2"));
    later = get("/5");
    CHECK(client.send("TP/1.1\r\nHost: a\r\n\r\n" + get("/4")) == ok("/3") + ok("/4") + ok("/5"));
}

TEST_CASE("a client that ends between requests is closed") {
    Client client(small_site());
    CHECK(client.send(get("/")) == ok("root\n"));
    client.transport.receive_end();
    client.transport.settle();
    CHECK(client.closed());
}

TEST_CASE("a handler ends with its connection") {
    bool destroyed = false;
    struct Mark {
        bool& flag;
        ~Mark() { flag = true; }
    };
    Gate gate;
    Client client([&](Request&) -> Deferred<Response> {
        const Mark mark{destroyed};
        co_await gate.wait("it");
        co_return Response::text("never");
    });
    client.transport.receive(get("/"));
    CHECK_FALSE(destroyed);
    client.transport.fail(Error(Errc::closed, "reset"));
    client.transport.settle();
    CHECK(destroyed);
    CHECK(client.server.connections() == 0);
    gate.open("it");
}

TEST_CASE("a handler that throws or fails costs its own request a 500, with a line in the log") {
    CapturedLog log;
    Client client(small_site());
    const std::string sorry = answer("500 Internal Server Error",
                                     "500 Internal Server Error: Something went wrong here. It has been noted.\n");
    CHECK(client.send(get("/throws") + get("/")) == sorry + ok("root\n"));
    CHECK(client.send(get("/fails") + get("/")) == sorry + ok("root\n"));
    CHECK(client.send(get("/bad-field?x=a%0d%0aSet-Cookie:b") + get("/")) == sorry + ok("root\n"));
    REQUIRE(log.lines.size() == 3);
    CHECK(log.lines[0].find("oh") != std::string::npos);
    CHECK(log.lines[1].find("no such row") != std::string::npos);
}

TEST_CASE("so does one that cannot say who answers") {
    CapturedLog log;
    Router router = small_site();
    router.mount("/lost", Handler::selector([](Request&) -> Handler& { throw Error(Errc::broken, "no way"); }));
    router.use([](const Request&, Response& response) { response.set("X-Seen", "1"); });
    Client client(std::move(router));
    CHECK(client.send(get("/lost/a")).starts_with("HTTP/1.1 500 "));
    CHECK(client.send(get("/")).find("X-Seen: 1\r\n") != std::string::npos);
    REQUIRE(log.lines.size() == 1);
    CHECK(log.lines[0].find("no way") != std::string::npos);
}

TEST_CASE("error pages are HTML for browsers") {
    Client client(small_site());
    const std::string said = client.send(get("/<x>", "Accept: text/html;q=0.9, */*\r\n"));
    CHECK(said.find("Content-Type: text/html; charset=utf-8") != std::string::npos);
    CHECK(said.find("<title>404 Not Found</title>") != std::string::npos);
    CHECK(said.find("<x>") == std::string::npos);
}

TEST_CASE("HEAD has the head of GET") {
    Client client(small_site());
    const std::string whole = ok("root\n");
    CHECK(client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") == whole.substr(0, whole.size() - 5));
    CHECK(client.send(get("/")) == whole);
}

TEST_CASE("HTTP/1.0 is closed unless it asks") {
    Client one(small_site());
    CHECK(one.send("GET / HTTP/1.0\r\n\r\n") == ok("root\n", "Connection: close\r\n"));
    CHECK(one.closed());
    Client two(small_site());
    CHECK(two.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == ok("root\n", "Connection: keep-alive\r\n"));
    CHECK_FALSE(two.closed());
}

TEST_CASE("who says that a request is the last is not waited for, unless more comes") {
    const auto finished_after = [](std::string_view input) {
        Client client(small_site());
        client.send(input);
        client.transport.settle();
        CHECK(client.closed());
        return client.transport.is_finished();
    };
    CHECK(finished_after(get("/", "Connection: close\r\n")));
    CHECK(finished_after(get("/later", "Connection: close\r\n")));
    CHECK(finished_after("GET / HTTP/1.0\r\n\r\n"));
    CHECK_FALSE(finished_after(get("/", "Connection: close\r\n") + get("/")));
    CHECK_FALSE(finished_after(get("/later", "Connection: close\r\n") + get("/")));
    CHECK_FALSE(finished_after("no request\r\n\r\n"));

    Gate gate;
    Client talks_on([&gate](Request&) -> Deferred<Response> {
        co_await gate.wait("it");
        co_return Response::text("x");
    });
    talks_on.send(get("/", "Connection: close\r\n"));
    talks_on.send("more");
    gate.open("it");
    talks_on.transport.settle();
    CHECK(talks_on.closed());
    CHECK_FALSE(talks_on.transport.is_finished());
}

TEST_CASE("OPTIONS * is answered, a tunnel is not") {
    Client client(small_site());
    CHECK(client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(client.send("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 501 "));
}

TEST_CASE("an upgrade hands the connection over, with what has come behind the request") {
    struct Echo final : Protocol {
        void connection_made(Transport& made) override { transport = &made; }
        void data_received(std::string_view bytes) override { transport->write(bytes); }
        Transport* transport = nullptr;
    };
    for (const bool later : {false, true}) {
        Handler at_once = [](Request&) { return Response::upgrade("echo", std::make_unique<Echo>()); };
        Handler waiting = [](Request& request) -> Deferred<Response> {
            Promise<> promise;
            Deferred<> turned = promise.deferred();
            request.reactor().call_from_thread(
                [promise = std::move(promise)]() mutable { std::move(promise).resolve(); });
            co_await std::move(turned);
            co_return Response::upgrade("echo", std::make_unique<Echo>());
        };
        Client client(later ? std::move(waiting) : std::move(at_once));
        const std::string switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n";
        CHECK(client.send(get("/", "Connection: upgrade\r\nUpgrade: echo\r\n") + "early") == switched + "early");
        CHECK(client.send("more") == "more");
        CHECK(client.server.connections() == 0);
    }
    CapturedLog log;
    Client client([](Request&) { return Response::upgrade("echo", std::make_unique<Echo>()); });
    CHECK(client.send(get("/")).starts_with("HTTP/1.1 500 "));
}

Router slow_site() {
    Router router;
    router.get("/slow", [](Request& request) -> Deferred<Response> {
        co_await sleep(request.reactor(), std::chrono::seconds(2));
        co_return Response::text("slow\n");
    });
    return router;
}

TEST_CASE("a reactor that shuts down lets what is under way finish, within its grace") {
    using namespace std::chrono_literals;
    for (const Duration grace : {Duration(10s), Duration(1s)}) {
        Client client(slow_site());
        client.server.drain_at_shutdown(client.transport.reactor(), grace);
        CHECK(client.send(get("/slow")).empty());
        auto down = client.transport.reactor().shutdown().run();
        CHECK_FALSE(down.done());
        const std::string said = client.after(1500ms) + (grace > 2s ? client.after(1s) : "");
        CHECK(said == (grace > 2s ? ok("slow\n", "Connection: close\r\n") : ""));
        CHECK(down.done());
        CHECK(client.server.connections() == (grace > 2s ? 0 : 1));
    }
}

TEST_CASE("draining closes idle connections at once and busy ones behind their answer") {
    Gate gate;
    Client idle(small_site());
    idle.server.drain();
    CHECK(idle.closed());
    CHECK(idle.server.make_protocol() == nullptr);

    Client busy([&gate](Request&) -> Deferred<Response> {
        co_await gate.wait("it");
        co_return Response::text("x");
    });
    busy.transport.receive(get("/"));
    busy.server.drain();
    CHECK_FALSE(busy.closed());
    gate.open("it");
    busy.transport.settle();
    CHECK(busy.answers() == ok("x", "Connection: close\r\n"));
    CHECK(busy.closed());

    Client half(small_site());
    half.transport.receive("GET / HTTP/1.1\r\n");
    half.server.drain();
    CHECK_FALSE(half.closed());
    CHECK(half.send("Host: a\r\n\r\n") == ok("root\n", "Connection: close\r\n"));
    CHECK(half.closed());
}

TEST_CASE("draining with some quiet answers requests that are on their way, then closes") {
    using namespace std::chrono_literals;
    Client fresh(small_site()), used(small_site()), silent(small_site());
    CHECK(silent.send(get("/")) == ok("root\n"));
    for (Client* client : {&fresh, &used, &silent}) client->server.drain(500ms);
    CHECK(fresh.after(499ms).empty());
    CHECK_FALSE(fresh.closed());
    CHECK(fresh.send(get("/")) == ok("root\n", "Connection: close\r\n"));
    CHECK(fresh.closed());

    CHECK(silent.after(499ms).empty());
    CHECK_FALSE(silent.closed());
    CHECK(silent.after(2ms).empty());
    CHECK(silent.closed());

    // Half a request has the time of any other.
    used.transport.receive("GET / HTTP/1.1\r\n");
    CHECK(used.after(600ms).empty());
    CHECK(used.send("Host: a\r\n\r\n") == ok("root\n", "Connection: close\r\n"));
}

TEST_CASE("a server that is destroyed aborts its connections and ends their handlers") {
    Gate gate;
    testing::StringTransport transport;
    {
        Server server([&gate](Request&) -> Deferred<Response> {
            co_await gate.wait("it");
            co_return Response::text("never");
        });
        transport.start(server.make_protocol());
        transport.receive(get("/"));
        CHECK(gate.waiting.at("it").wanted());
    }
    CHECK_FALSE(gate.waiting.at("it").wanted());
    transport.settle();
    CHECK(transport.is_lost());
}

TEST_CASE("the access log has a line for each answer, when it is on") {
    CapturedLog log;
    Client client(small_site(), {.access_log = true});
    client.send(get("/?a=\"b\"", "User-Agent: me\r\n") + get("/later"));
    REQUIRE(log.lines.size() == 2);
    CHECK(log.lines[0].find("method=GET target=\"/?a=\\\"b\\\"\" status=200 bytes=5") != std::string::npos);
    CHECK(log.lines[0].find("agent=me") != std::string::npos);
}

TEST_CASE("after so many requests the connection is closed") {
    Client client(small_site(), {.requests = 2});
    CHECK(client.send(get("/") + get("/") + get("/")) == ok("root\n") + ok("root\n", "Connection: close\r\n"));
    CHECK(client.closed());
}

}  // namespace
}  // namespace bine::http
