#include "bine/client/client.h"

#include <doctest/doctest.h>

#include "bine/client/get.h"
#include "bine/testing/expect.h"
#include "tests/client/scene.h"

namespace bine::http {
namespace {

Handler small_site() {
    Router router;
    router.get("/", [](Request& request) {
        Response response = Response::text("hello\n");
        response.set("X-Seen", request.header("User-Agent"));
        return response;
    });
    router.get("/big", [](Request&) {
        Output body;
        body.append_owned(testing::pattern(1'000'000));
        return Response::of("x/y", std::move(body));
    });
    router.post("/echo", [](Request& request) -> Deferred<Response> {
        request.limit_body(10'000'000);
        std::string body = co_await request.body();
        Output output;
        output.append_owned(std::move(body));
        co_return Response::of(request.header("Content-Type"), std::move(output));
    });
    router.get("/stream", [](Request&, ResponseWriter& out) -> Deferred<> {
        for (int i = 0; i < 10; ++i) co_await out.write("piece " + std::to_string(i) + "\n");
        out.trailer("Pieces", "10");
    });
    router.get("/nothing", [](Request&) { return Response(204); });
    return router;
}

TEST_CASE("one call gets a page: status, fields, body, URL") {
    Scene scene;
    scene.serve("a", small_site);
    scene.play([](Reactor& reactor) -> Deferred<> {
        const Answer answer = co_await get(reactor, "http://a/#top");
        CHECK(answer.status == 200);
        CHECK(answer.ok());
        CHECK(answer.reason == "OK");
        CHECK(answer.fields.value("content-type") == "text/plain; charset=utf-8");
        CHECK(answer.fields.value("X-Seen").starts_with("bine/"));
        CHECK(answer.body == "hello\n");
        CHECK(answer.url.to_string() == "http://a/#top");
        CHECK(answer.history.empty());
        CHECK(answer.expect_ok());
    });
}

TEST_CASE("requests one after the other use one connection") {
    Scene scene;
    scene.serve("a", small_site);
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        for (int i = 0; i < 5; ++i) {
            const Answer answer = co_await client.get("http://a/");
            CHECK(answer.body == "hello\n");
            CHECK(client.connections() == 1);
            CHECK(client.idle_connections() == 1);
        }
        const Answer head = co_await client.head("http://a/big");
        CHECK(head.body.empty());
        CHECK(head.fields.value("Content-Length") == "1000000");
        const Answer nothing = co_await client.get("http://a/nothing");
        CHECK(nothing.status == 204);
        const Answer stream = co_await client.get("http://a/stream");
        CHECK(stream.body.size() == 80);
        const Answer missing = co_await client.get("http://a/missing");
        CHECK(missing.status == 404);
        CHECK(missing.expect_ok().error().text().starts_with("http://a/missing was answered with 404 Not Found"));
        CHECK(client.connections() == 1);
    });
}

TEST_CASE("bodies go up: bytes, files, streams with and without a length") {
    Scene scene;
    scene.serve("a", small_site);
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        const std::string much = testing::pattern(700'000);
        const Answer bytes = co_await client.post("http://a/echo", much, "x/y");
        CHECK((bytes.body == much));
        CHECK(bytes.fields.value("Content-Type") == "x/y");
        const Answer empty = co_await client.post("http://a/echo", "");
        CHECK(empty.body.empty());

        for (const bool with_length : {true, false}) {
            ClientRequest request("POST", "http://a/echo");
            const auto producer = [&much](RequestWriter& out) -> Deferred<> {
                for (std::string_view left = much; !left.empty(); left.remove_prefix(10'000))
                    co_await out.write(left.substr(0, 10'000));
            };
            std::optional<uint64_t> length;
            if (with_length) length = much.size();
            request.stream(producer, length).set("Content-Type", "a/b");
            const Answer streamed = co_await client.fetch(std::move(request));
            CHECK((streamed.body == much));
        }
        ClientRequest asking("POST", "http://a/echo");
        asking.body("if you please").expect_continue();
        const Answer asked = co_await client.fetch(std::move(asking));
        CHECK(asked.body == "if you please");
        CHECK(client.connections() == 1);
    });
}

TEST_CASE("a body comes down piece by piece, no faster than it is read") {
    Scene scene;
    scene.serve("a", small_site);
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        ClientRequest request("GET", "http://a/big");
        ClientResponse response = co_await client.send(std::move(request));
        CHECK(response.status() == 200);
        CHECK(response.header("Content-Length") == "1000000");
        std::string all;
        while (true) {
            const std::string piece = co_await response.read();
            if (piece.empty()) break;
            CHECK(piece.size() <= 200'000);
            all += piece;
            co_await sleep(reactor, 100ms);
        }
        CHECK((all == testing::pattern(1'000'000)));
        const std::string end = co_await response.read();
        CHECK(end.empty());
        CHECK(client.idle_connections() == 1);

        ClientRequest streamed("GET", "http://a/stream");
        ClientResponse with_trailers = co_await client.send(std::move(streamed));
        const std::string body = co_await with_trailers.body();
        CHECK(body.size() == 80);
        REQUIRE(with_trailers.trailers().size() == 1);
        CHECK(with_trailers.trailers().value("pieces") == "10");
    });
}

TEST_CASE("two pages are fetched side by side over two connections") {
    Scene scene;
    scene.serve("a", small_site);
    scene.serve("b", small_site);
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        Deferred<Answer> first = client.get("http://a/");
        Deferred<Answer> second = client.get("http://b/");
        const Answer one = co_await std::move(first);
        const Answer two = co_await std::move(second);
        CHECK(one.body == two.body);
        CHECK(client.connections() == 2);
    });
}

}  // namespace
}  // namespace bine::http
