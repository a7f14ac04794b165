#include "bine/http/router.h"

#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>

#include "tests/http/client.h"

namespace bine::http {
namespace {

// A handler that says who it is and what it was given.
auto say(std::string name, std::vector<std::string> params = {}) {
    return [name, params](Request& request) {
        std::string text = name;
        for (const std::string& param : params) text += " " + param + "=" + std::string(request.param(param));
        return Response::text(text);
    };
}

// What the router answers: "status body".
std::string ask(Client& client, std::string_view method, std::string_view target) {
    const std::string said =
        client.send(std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    return said.substr(9, 3) + " " + said.substr(said.find("\r\n\r\n") + 4);
}
std::string ask(Client& client, std::string_view target) { return ask(client, "GET", target); }

bool is_missing(const std::string& said) { return said.starts_with("404"); }

TEST_CASE("literals, parameters and the rest, in that order") {
    Router router;
    router.get("/", say("root"));
    router.get("/users", say("users"));
    router.get("/users/{id}", say("user", {"id"}));
    router.get("/users/me", say("me"));
    router.get("/users/{user}/files/{path...}", say("files", {"user", "path"}));
    router.get("/users/{id}/edit", say("edit", {"id"}));
    Client client(std::move(router));
    CHECK(ask(client, "/") == "200 root");
    CHECK(ask(client, "/users") == "200 users");
    CHECK(ask(client, "/users/7?x=y") == "200 user id=7");
    CHECK(ask(client, "/users/me") == "200 me");
    CHECK(ask(client, "/users/me/edit") == "200 edit id=me");
    CHECK(ask(client, "/users/7/files/a/b.txt") == "200 files user=7 path=a/b.txt");
    CHECK(ask(client, "/users/7/files/") == "200 files user=7 path=");
    for (const std::string_view target :
         {"/user", "/users/", "/users/7/", "/users//edit", "/users/7/files", "//", "/Users", "/users/7/edit/x"}) {
        CAPTURE(target);
        CHECK(is_missing(ask(client, target)));
    }
}

TEST_CASE("paths are compared decoded, with dots resolved, segment by segment") {
    Router router;
    router.get("/a b/{x}", say("spaced", {"x"}));
    router.get("/odd%2Fname", say("odd"));
    router.get("/files/{path...}", say("files", {"path"}));
    router.get("/path", [](Request& request) { return Response::text(request.path()); });
    Client client(std::move(router));
    CHECK(ask(client, "/a%20b/c%2Fd") == "200 spaced x=c/d");
    CHECK(is_missing(ask(client, "/odd%2Fname")));
    CHECK(ask(client, "/odd%252Fname") == "200 odd");
    CHECK(ask(client, "/x/../a%20b/./y") == "200 spaced x=y");
    CHECK(ask(client, "/%66iles/a%20b/%2e%2e/c") == "200 files path=c");
    CHECK(is_missing(ask(client, "/files/a%2F..%2F..%2Fetc")));
    CHECK(is_missing(ask(client, "/files/a%00")));
    CHECK(ask(client, "/p%61th") == "200 /path");
    CHECK(ask(client, "/files/%zz").starts_with("400"));
    CHECK(ask(client, "/files/../../../path") == "200 /path");
}

TEST_CASE("methods: HEAD by GET, OPTIONS by the list, 405 with Allow") {
    Router router;
    router.get("/a", say("get"));
    router.post("/a", say("post"));
    router.any("/b", say("any"));
    router.get("/b", say("get"));
    router.add("BREW", "/c", say("brew"));
    Client client(std::move(router));
    CHECK(ask(client, "POST", "/a") == "200 post");
    CHECK(ask(client, "HEAD", "/a") == "200 ");
    CHECK(ask(client, "DELETE", "/b") == "200 any");
    CHECK(ask(client, "GET", "/b") == "200 get");
    CHECK(ask(client, "BREW", "/c") == "200 brew");
    CHECK(client.send("OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n") ==
          "HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, POST, OPTIONS\r\n\r\n");
    const std::string refused = client.send("DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(refused.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    CHECK(refused.find("\r\nAllow: GET, HEAD, POST, OPTIONS\r\n") != std::string::npos);
    CHECK(ask(client, "brew", "/c").starts_with("405"));
}

TEST_CASE("what is mounted has everything below its prefix") {
    Router inner;
    inner.get("/", say("inner root"));
    inner.get("/{id}", say("inner", {"id"}));
    inner.otherwise(say("inner else"));
    Router deeper;
    deeper.get("/x", say("deep"));
    inner.mount("/deeper", std::move(deeper));
    Router router;
    router.mount("/admin", std::move(inner));
    router.mount("/files/", say("files", {""}));
    router.get("/files/special", say("special"));
    Client client(std::move(router));
    CHECK(ask(client, "/admin") == "200 inner root");
    CHECK(ask(client, "/admin/") == "200 inner root");
    CHECK(ask(client, "/admin/7") == "200 inner id=7");
    CHECK(ask(client, "/admin/7/8") == "200 inner else");
    CHECK(ask(client, "/admin/a%2Fb") == "200 inner id=a/b");
    CHECK(ask(client, "/admin/deeper/x") == "200 deep");
    CHECK(is_missing(ask(client, "/admin/deeper/y")));
    CHECK(is_missing(ask(client, "/administrator")));
    CHECK(ask(client, "/files") == "200 files =");
    CHECK(ask(client, "/files/a%20b/c") == "200 files =/a b/c");
    CHECK(ask(client, "/files/special") == "200 special");
    CHECK(is_missing(ask(client, "/files/a%2Fb")));
    CHECK(is_missing(ask(client, "/")));
}

TEST_CASE("something may be mounted at the root") {
    Router router;
    router.get("/api", say("api"));
    router.mount("/", say("rest", {""}));
    Client client(std::move(router));
    CHECK(ask(client, "/api") == "200 api");
    CHECK(ask(client, "/") == "200 rest =/");
    CHECK(ask(client, "/api/x") == "200 rest =/api/x");
}

TEST_CASE("a pattern that cannot be is refused when it is added") {
    Router router;
    router.get("/a/{x}", say("a"));
    for (const std::string_view pattern :
         {"", "a", "/a{x}", "/{}", "/{...}", "/{x...}/y", "/{x}/{x}", "/a/{y}", "/{x", "/{a/b}"}) {
        CAPTURE(pattern);
        CHECK_THROWS_AS(router.get(pattern, say("x")), Error);
    }
    router.post("/a/{y}", say("other method"));
    router.mount("/m", say("m"));
    CHECK_THROWS_AS(router.mount("/m/", say("m")), Error);
    CHECK_THROWS_AS(router.mount("/{x}", say("m")), Error);
}

TEST_CASE("middleware stands round the handlers, outermost first") {
    std::string order;
    Router inner;
    inner.use([&order](const Request&, Response& response) {
        order += "3";
        response.set("X-Inner", "yes");
    });
    inner.get("/x", [&order](Request&) {
        order += "x";
        return Response::text("x");
    });
    Router router;
    router.use([&order](const Request&, Response& response) {
        order += "1";
        response.set("X-Outer", "yes");
    });
    router.use([&order](Request& request) -> std::optional<Response> {
        order += "2";
        if (request.header("Authorization").empty()) return Response::error(401).set("WWW-Authenticate", "Basic");
        return std::nullopt;
    });
    router.mount("/in", std::move(inner));
    Client client(std::move(router));
    const std::string allowed = client.send(get("/in/x", "Authorization: me\r\n"));
    CHECK(allowed.find("X-Inner: yes\r\nX-Outer: yes\r\n") != std::string::npos);
    CHECK(order == "2x31");
    order.clear();
    const std::string refused = client.send(get("/in/x"));
    CHECK(refused.starts_with("HTTP/1.1 401 "));
    CHECK(refused.find("X-Outer: yes") != std::string::npos);
    CHECK(refused.find("X-Inner") == std::string::npos);
    CHECK(order == "21");
    order.clear();
    CHECK(client.send(get("/none", "Authorization: me\r\n")).find("X-Outer: yes") != std::string::npos);
    CHECK(order == "21");
}

// Answers at once while `known`; counts who was asked.
struct Often {
    Handler handler() {
        return Handler::often_at_once(
            [this](Request&) -> std::optional<Response> {
                ++asked;
                if (!known) return std::nullopt;
                return Response::text("known\n");
            },
            [this](Request&) -> Deferred<Response> {
                ++waited;
                co_return Response::text("looked up\n");
            });
    }

    bool known = true;
    int asked = 0;
    int waited = 0;
};

TEST_CASE("a handler that can answer at once does, and else is waited for") {
    Often often;
    Router router;
    router.use([](const Request&, Response& response) { response.set("X-After", "1"); });
    router.get("/", often.handler());
    Client client(std::move(router));
    CHECK(client.send(get("/")).find("X-After: 1") != std::string::npos);
    CHECK(often.waited == 0);
    often.known = false;
    const std::string answer = client.send(get("/"));
    CHECK(answer.find("looked up\n") != std::string::npos);
    CHECK(answer.find("X-After: 1") != std::string::npos);
    CHECK(often.asked == 2);
    CHECK(often.waited == 1);
}

TEST_CASE("no middleware runs twice for a handler that might answer at once") {
    Often often;
    int before = 0;
    Router router;
    router.use([&before](Request&) -> std::optional<Response> {
        ++before;
        return std::nullopt;
    });
    router.get("/", often.handler());
    Client client(std::move(router));
    CHECK(client.send(get("/")).find("looked up\n") != std::string::npos);
    CHECK(before == 1);
    CHECK(often.asked == 0);
}

TEST_CASE("a handler that throws where it might answer at once costs its request a 500") {
    Router router;
    router.get("/", Handler::often_at_once([](Request&) -> std::optional<Response> { throw std::runtime_error("oh"); },
                                           [](Request&) -> Deferred<Response> { co_return Response(); }));
    Client client(std::move(router));
    CHECK(client.send(get("/")).starts_with("HTTP/1.1 500 "));
    CHECK_FALSE(client.closed());
}

TEST_CASE("middleware that waits makes a plain handler wait with it, body included") {
    Promise<> promise;
    Deferred<> opened = promise.deferred();
    Router router;
    router.use([&opened](Request&, Next next) -> Deferred<Response> {
        co_await std::move(opened);
        Response response = co_await next();
        response.set("X-Waited", "yes");
        co_return response;
    });
    router.use([](const Request&, Response& response) { response.set("X-After", "yes"); });
    router.post("/", [](Request& request) { return Response::text(request.content()); });
    Client client(std::move(router));
    CHECK(client.send(post("/", "hello")).empty());
    std::move(promise).resolve();
    client.transport.settle();
    CHECK(
        client.answers() ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nX-After: yes\r\nX-Waited: yes\r\nContent-Length: 5\r\n\r\nhello");
}

}  // namespace
}  // namespace bine::http
