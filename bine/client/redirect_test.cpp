#include "bine/client/redirect.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "bine/client/get.h"
#include "bine/wire/http1/target.h"
#include "tests/client/scene.h"

namespace bine::http {
namespace {

// Says what it was asked: "METHOD path [Authorization] [Cookie] [X] type body".
Handler mirror() {
    return [](Request& request) -> Deferred<Response> {
        const std::string body = co_await request.body();
        std::string said = std::string(request.method_name()) + " " + std::string(request.target());
        for (const std::string_view name : {"Authorization", "Cookie", "X", "Content-Type"}) {
            if (request.has_header(name)) said.append(" ").append(name).append("=").append(request.header(name));
        }
        if (!body.empty()) said += " " + body;
        co_return Response::text(said);
    };
}

// /STATUS?to leads to `to`; anything else mirrors.
Handler crossroads() {
    return Handler::selector([self = mirror(), leads = Handler([](Request& request) {
                                                   const int status = std::stoi(std::string(request.path().substr(1)));
                                                   Response response(status);
                                                   response.set("Location", http1::Query::decode(request.query()));
                                                   response.body().append("moved");
                                                   return response;
                                               })](Request& request) mutable -> Handler& {
        return request.path().starts_with("/3") ? leads : self;
    });
}

Answer fetch_from(std::string_view method, std::string url, Function<void(ClientRequest&)> change = nullptr) {
    Scene scene;
    scene.serve("a", crossroads);
    scene.serve("b", crossroads);
    std::optional<Answer> answer;
    scene.play([&](Reactor& reactor) -> Deferred<> {
        ClientRequest request(method, url);
        if (change) change(request);
        answer = co_await fetch(reactor, std::move(request));
    });
    return std::move(*answer);
}

TEST_CASE("a redirect is followed, and told of") {
    const Answer answer = fetch_from("GET", "http://a/302?/one#top");
    CHECK(answer.body == "GET /one");
    CHECK(answer.url.to_string() == "http://a/one#top");
    REQUIRE(answer.history.size() == 1);
    CHECK(answer.history[0].status == 302);
    CHECK(answer.history[0].url.to_string() == "http://a/302?/one#top");
    CHECK(fetch_from("GET", "http://a/301?http://b/x/../y#z").url.to_string() == "http://b/y#z");
    CHECK(fetch_from("GET", "http://a/308?//b").body == "GET /");
    CHECK(fetch_from("GET", "http://a/307?%3Fq").body == "GET /q");
    CHECK(fetch_from("GET", "http://a/302?/303%3F/end").body == "GET /end");
}

TEST_CASE("which method goes on") {
    const auto body_of = [](std::string_view method, std::string url) {
        return fetch_from(method, std::move(url), [](ClientRequest& r) { r.body("data", "x/y"); }).body;
    };
    CHECK(body_of("POST", "http://a/301?/end") == "GET /end");
    CHECK(body_of("POST", "http://a/302?/end") == "GET /end");
    CHECK(body_of("POST", "http://a/303?/end") == "GET /end");
    CHECK(body_of("POST", "http://a/307?/end") == "POST /end Content-Type=x/y data");
    CHECK(body_of("POST", "http://a/308?/end") == "POST /end Content-Type=x/y data");
    CHECK(body_of("PUT", "http://a/302?/end") == "PUT /end Content-Type=x/y data");
    CHECK(body_of("PUT", "http://a/303?/end") == "GET /end");
    CHECK(fetch_from("HEAD", "http://a/303?/end").fields.has("Content-Length"));
}

// CVE-2022-21712 of Twisted: the matrix of what may cross.
TEST_CASE("credentials and cookies do not leave their origin") {
    const auto secrets = [](ClientRequest& request) {
        request.set("Authorization", "Basic eA==").set("Cookie", "a=b").set("X", "y");
    };
    CHECK(fetch_from("GET", "http://a/302?/end", secrets).body == "GET /end Authorization=Basic eA== Cookie=a=b X=y");
    CHECK(fetch_from("GET", "http://a/302?http://a:80/end", secrets).body ==
          "GET /end Authorization=Basic eA== Cookie=a=b X=y");
    CHECK(fetch_from("GET", "http://a/302?http://b/end", secrets).body == "GET /end X=y");
    CHECK(fetch_from("GET", "http://a/302?//b/end", secrets).body == "GET /end X=y");
    CHECK(fetch_from("GET", "http://a/302?http://b/302%3Fhttp://a/end", secrets).body == "GET /end X=y");
}

std::string target_of(std::string_view from, int status, std::string_view location, bool allow_downgrade = false) {
    const std::array<http1::Header, 1> fields{{{"Location", location}}};
    const auto to = redirect_target(*Url::parse(from), status, AnswerFields({fields.data(), 1}), allow_downgrade);
    if (!to) return "refused: " + to.error().text();
    return *to ? (*to)->to_string() : "none";
}

TEST_CASE("where an answer leads") {
    CHECK(target_of("http://a/b", 302, "c") == "http://a/c");
    for (const int status : {200, 201, 300, 304, 305, 306, 400}) CHECK(target_of("http://a/", status, "/b") == "none");
    CHECK(target_of("http://a/", 302, "https://a/") == "https://a/");
    CHECK(target_of("https://a/", 302, "http://a/").find("allow_downgrade") != std::string::npos);
    CHECK(target_of("https://a/", 302, "http://a/", true) == "http://a/");
    for (const std::string_view other : {"ftp://a/", "gopher://a/", "socks5://a/"})
        CHECK(target_of("http://a/", 302, other).find("another scheme") != std::string::npos);
    for (const std::string_view wrong :
         {"http://", "http://a b/", "javascript:alert(1)", "file:///etc/passwd", "http:x"})
        CHECK(target_of("http://a/", 302, wrong).find("no URL of a host") != std::string::npos);
    const std::array<http1::Header, 2> two{{{"Location", "/b"}, {"Location", "/c"}}};
    CHECK_FALSE(redirect_target(*Url::parse("http://a/"), 302, AnswerFields({two.data(), 2}), false));
    CHECK_FALSE(redirect_target(*Url::parse("http://a/"), 302, AnswerFields(), false)->has_value());
}

TEST_CASE("a loop ends at the limit, with the chain in the error") {
    Scene scene;
    scene.serve("a", crossroads);
    scene.play([](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.redirects = 3;
        Client client(reactor, options);
        const Result<Answer> looped = co_await client.get("http://a/302?/302%3F/302%253F/302%25253F/end").as_result();
        REQUIRE_FALSE(looped);
        CHECK(looped.error().is(Errc::limit_exceeded));
        CHECK(looped.error().text().find("more than 3 redirects: http://a/302?") != std::string::npos);
        CHECK(looped.error().text().ends_with(" -> http://a/end"));
        CHECK(client.connections() <= 1);
        ClientRequest unfollowed("GET", "http://a/302?/x");
        unfollowed.redirects(0);
        const Answer answer = co_await client.fetch(std::move(unfollowed));
        CHECK(answer.status == 302);
        CHECK(answer.body == "moved");
        CHECK(answer.history.empty());
    });
}

TEST_CASE("a stream is sent again only if it says that it can be") {
    Scene scene;
    scene.serve("a", crossroads);
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        for (const bool repeatable : {false, true}) {
            int calls = 0;
            ClientRequest request("POST", "http://a/307?/end");
            const auto producer = [&calls](RequestWriter& out) -> Deferred<> {
                ++calls;
                co_await out.write("data");
            };
            request.stream(producer, {}, repeatable);
            const Result<Answer> answer = co_await client.fetch(std::move(request)).as_result();
            CHECK(answer.has_value() == repeatable);
            CHECK(calls == (repeatable ? 2 : 1));
            if (answer) CHECK(answer->body == "POST /end data");
            if (!answer) CHECK(answer.error().text().find("not repeatable") != std::string::npos);
        }
    });
}

TEST_CASE("a redirect that comes before all of the body was sent ends the sending") {
    Scene scene;
    scene.script("a", [](Reactor&, Stream stream) -> Deferred<> {
        const std::string head = co_await stream.read_until("\r\n\r\n");
        const bool first = head.starts_with("POST /first ");
        co_await stream.write(first ? "HTTP/1.1 303 See Other\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n"
                                    : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend");
        co_await stream.read_some().as_result();
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        bool ended = false;
        ClientRequest request("POST", "http://a/first");
        const auto produce = [&reactor, &ended, text = std::string(1000, 'x')](RequestWriter& out) -> Deferred<> {
            struct AtEnd {
                bool& flag;
                ~AtEnd() { flag = true; }
            } at_end{ended};
            while (true) {
                co_await out.write(text);
                co_await sleep(reactor, 100ms);
            }
        };
        request.stream(produce);
        const Answer answer = co_await fetch(reactor, std::move(request));
        CHECK(answer.body == "end");
        CHECK(ended);
    });
}

TEST_CASE("the body of a redirect does not cost its connection, unless it is long") {
    Scene scene;
    int connections = 0;
    scene.script("a", [&connections](Reactor&, Stream stream) -> Deferred<> {
        ++connections;
        while (true) {
            const std::string asked = co_await stream.read_until("\r\n\r\n");
            const bool first = asked.starts_with("GET /short") || asked.starts_with("GET /long");
            const std::string body(asked.starts_with("GET /long") ? 1'000'000 : 1000, 'x');
            const std::string head = first ? "HTTP/1.1 302 Found\r\nLocation: /end\r\n" : "HTTP/1.1 200 OK\r\n";
            co_await stream.write(head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
        }
    });
    scene.play([&connections](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        co_await client.get("http://a/short");
        CHECK(connections == 1);
        co_await client.get("http://a/long");
        CHECK(connections == 2);
    });
}

}  // namespace
}  // namespace bine::http
