// What the HTTP client does, piece by piece, against a server in this program: docs/client.md shows the pieces.
#include <cstdio>
#include <string>

#include "bine/async/sleep.h"
#include "bine/client/client.h"
#include "bine/client/client_trace.h"
#include "bine/client/cookie_jar.h"
#include "bine/client/get.h"
#include "bine/endpoints/listen.h"
#include "bine/endpoints/react.h"
#include "bine/http/router.h"
#include "bine/http/server.h"

namespace {

using namespace bine;
using namespace std::chrono_literals;

Deferred<> one_page(Reactor& reactor, std::string site) {
    const http::Answer answer = co_await http::get(reactor, site + "/old");
    std::printf("%d %s, %zu bytes of %s\n", answer.status, answer.reason.c_str(), answer.body.size(),
                std::string(answer.fields.value("Content-Type")).c_str());
    for (const http::Hop& hop : answer.history) {
        std::printf("by way of %s (%d)\n", hop.url.path().c_str(), hop.status);
    }
}

Deferred<> many_requests(http::Client& client, std::string site) {
    for (int i = 0; i < 3; ++i) {
        const http::Answer answer = co_await client.get(site + "/");
        if (!answer.ok()) co_return;
    }
    std::printf("3 requests, %zu connection\n", client.connections());
}

Deferred<> a_request_in_full(http::Client& client, std::string site) {
    http::ClientRequest request("POST", site + "/things");
    request.query("dry", "run").set("X-Request-Id", "7").time_limit(5s);
    request.json(R"({"name": "bine"})");
    const http::Answer answer = co_await client.fetch(std::move(request));
    std::printf("%d, at %s\n", answer.status, std::string(answer.fields.value("Location")).c_str());
}

Deferred<> piece_by_piece(http::Client& client, std::string site) {
    http::ClientRequest request("GET", site + "/large");
    http::ClientResponse response = co_await client.send(std::move(request));
    std::size_t bytes = 0;
    for (;;) {
        const std::string piece = co_await response.read();
        if (piece.empty()) break;
        bytes += piece.size();
    }
    std::printf("%zu bytes came down\n", bytes);
}

Deferred<> upward(http::Client& client, std::string site) {
    http::ClientRequest request("POST", site + "/count");
    const auto produce = [](http::RequestWriter& out) -> Deferred<> {
        for (int i = 0; i < 1000; ++i) co_await out.write("a line of thirty-two characters.\n");
    };
    request.stream(produce);
    const http::Answer answer = co_await client.fetch(std::move(request));
    std::printf("%s bytes went up\n", answer.body.c_str());
}

Deferred<> what_goes_wrong(http::Client& client, std::string site) {
    const http::Answer missing = co_await client.get(site + "/nothing");
    std::printf("an answer: %d\n", missing.status);
    const Result<http::Answer> refused = co_await client.get("http://user name@example.org/").as_result();
    std::printf("an error: %s\n", refused.error().text().c_str());
    http::ClientRequest slow("GET", site + "/slow");
    slow.time_limit(50ms);
    const Result<http::Answer> late = co_await client.fetch(std::move(slow)).as_result();
    std::printf("another: %s\n", late.error().is(Errc::timed_out) ? "it took too long" : "?");
}

struct Noise final : http::ClientTrace {
    void connected(const http::Trip&, Duration) override { std::printf("connected; "); }
    void reused(const http::Trip&) override { std::printf("a connection is used again; "); }
    void answered(const http::Trip& trip, int status) override {
        std::printf("%s %s: %d\n", std::string(trip.method).c_str(), trip.url.path().c_str(), status);
    }
};

Deferred<> with_all_of_it(Reactor& reactor, std::string site) {
    http::CookieJar jar;
    Noise noise;
    http::ClientOptions options{.connections_per_host = 4, .redirects = 5, .cookies = &jar, .trace = &noise};
    http::Client client(reactor, options);
    co_await client.get(site + "/login");
    const http::Answer answer = co_await client.get(site + "/cookies");
    std::printf("the server got %s\n", answer.body.c_str());
}

http::Router make_site(Reactor& reactor) {
    using http::Request;
    using http::Response;
    http::Router site;
    site.get("/", [](Request&) { return Response::text("a page"); });
    site.get("/old", [](Request&) { return Response::redirect("/", 301); });
    site.post("/things", [](Request&) { return Response(201).set("Location", "/things/1"); });
    site.get("/large", [](Request&, http::ResponseWriter& out) -> Deferred<> {
        for (int i = 0; i < 100; ++i) co_await out.write(std::string(10'000, 'x'));
    });
    site.post("/count", [](Request& request) -> Deferred<Response> {
        const std::string body = co_await request.body();
        co_return Response::text(std::to_string(body.size()));
    });
    site.get("/slow", [&reactor](Request&) -> Deferred<Response> {
        co_await sleep(reactor, 10s);
        co_return Response::text("late");
    });
    site.get("/login", [](Request&) { return Response(204).set("Set-Cookie", "user=ann; HttpOnly"); });
    site.get("/cookies", [](Request& request) { return Response::text(request.header("Cookie")); });
    return site;
}

Deferred<> run(Reactor& reactor) {
    http::Server server(make_site(reactor));
    const Port port = co_await listen(reactor, "tcp:0:interface=127.0.0.1", server.factory());
    const std::string site = "http://127.0.0.1:" + std::to_string(port.address().port());
    co_await one_page(reactor, site);
    http::Client client(reactor);
    co_await many_requests(client, site);
    co_await a_request_in_full(client, site);
    co_await piece_by_piece(client, site);
    co_await upward(client, site);
    co_await what_goes_wrong(client, site);
    co_await with_all_of_it(reactor, site);
}

}  // namespace

int main(int argc, char** argv) {
    return react(argc, argv, [](Reactor& reactor, Args) { return run(reactor); });
}
