#include "bine/http/server.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bine/http/router.h"
#include "bine/testing/string_transport.h"

namespace bine::http {
namespace {

using testing::StringTransport;

// An answer without the lines that are the same in each.
std::string without_common_lines(std::string text) {
    for (const std::string_view name : {"Server: ", "Date: "}) {
        for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
            text.erase(at, text.find('\n', at) + 1 - at);
        }
    }
    return text;
}

// One connection to a server, and the other side of it.
class Client {
public:
    explicit Client(Handler handler, ServerOptions options = {}) : server(std::move(handler), options) {
        transport.start(server.make_protocol());
    }

    // All that was answered to `bytes`, once nothing more happens.
    std::string send(std::string_view bytes) {
        transport.receive(bytes);
        transport.settle();
        return answers();
    }
    std::string answers() { return without_common_lines(transport.take_written()); }
    bool closed() { return transport.is_lost() || transport.has_ended(); }

    Server server;
    StringTransport transport;
};

Router small_site() {
    Router router;
    router.get("/", [](Request&) { return Response::text("root\n"); });
    router.get("/later", [](Request&) -> Deferred<Response> { co_return Response::text("later\n"); });
    router.post("/echo", [](Request& request) { return Response::text(request.content()); });
    router.get("/throws", [](Request&) -> Response { throw std::runtime_error("oh"); });
    return router;
}

std::string ok(std::string_view body) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
}

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_CASE("a request is answered, and the connection stays") {
    Client client(small_site());
    CHECK(client.send(kGet) == ok("root\n"));
    CHECK(client.send(kGet) == ok("root\n"));
    CHECK_FALSE(client.closed());
    CHECK(client.server.requests_answered() == 2);
}

TEST_CASE("a coroutine answers as a function does") {
    Client client(small_site());
    CHECK(client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n") == ok("later\n"));
    CHECK(client.send(kGet) == ok("root\n"));
}

TEST_CASE("a plain handler has the whole body") {
    Client client(small_site());
    CHECK(client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel").empty());
    CHECK(client.send("lo") == ok("hello"));
    CHECK(client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") ==
          ok("abcde"));
}

}  // namespace
}  // namespace bine::http
