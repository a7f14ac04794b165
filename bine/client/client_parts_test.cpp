// What is plugged into the client: codings, cookies, logins, forms, Unix sockets, upgrades.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bine/client/auth.h"
#include "bine/client/cookie_jar.h"
#include "bine/client/form.h"
#include "bine/client/get.h"
#include "bine/compression/encoder.h"
#include "bine/testing/expect.h"
#include "tests/client/scene.h"

namespace bine::http {
namespace {

std::string encode(compression::Coding coding, std::string_view text) {
    compression::Encoder encoder(coding);
    Output output;
    REQUIRE(encoder.append(text, output));
    REQUIRE(encoder.finish(output));
    return output.to_string();
}

TEST_CASE("codings are asked for and undone") {
    const std::string text = testing::pattern(100'000) + std::string(200'000, 'x');
    Scene scene;
    std::vector<std::string> accepted;
    scene.serve("a", [&] {
        return [&](Request& request) {
            accepted.emplace_back(request.header("Accept-Encoding"));
            const auto coding = compression::try_parse_coding(request.path().substr(1));
            Output body;
            body.append(coding ? encode(*coding, text) : text);
            Response response = Response::of("x/y", std::move(body));
            if (request.path() == "/odd") response.set("Content-Encoding", "rot13");
            if (coding) response.set("Content-Encoding", compression::name_of(*coding));
            return response;
        };
    });
    scene.play([&](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        for (const std::string_view name : {"gzip", "deflate", "br", "zstd", "none"}) {
            CAPTURE(name);
            const Answer answer = co_await client.get("http://a/" + std::string(name));
            CHECK((answer.body == text));
        }
        CHECK(client.connections() == 1);
        const Answer head = co_await client.head("http://a/gzip");
        CHECK(head.body.empty());
        ClientRequest raw("GET", "http://a/gzip");
        raw.set("Accept-Encoding", "gzip");
        const Answer coded = co_await client.fetch(std::move(raw));
        CHECK(coded.body.size() < text.size());
        const Result<Answer> odd = co_await client.get("http://a/odd").as_result();
        CHECK(odd.error().is(Errc::unsupported));
        CHECK(error_of(odd).find("rot13") != std::string::npos);
    });
    CHECK(accepted.front() == "gzip, deflate, br, zstd");
}

TEST_CASE("a small body that inflates without end is stopped, in memory that is bounded") {
    Scene scene;
    scene.serve("a", [] {
        return [](Request& request) {
            const auto coding = compression::try_parse_coding(request.path().substr(1));
            Output body;
            body.append_owned(encode(*coding, std::string(50'000'000, '\0')));
            Response response = Response::of("x/y", std::move(body));
            response.set("Content-Encoding", compression::name_of(*coding));
            return response;
        };
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        for (const std::string_view name : {"gzip", "br", "zstd"}) {
            CAPTURE(name);
            const Result<Answer> bomb = co_await client.get("http://a/" + std::string(name)).as_result();
            CHECK(bomb.error().is(Errc::limit_exceeded));
            ClientRequest small("GET", "http://a/" + std::string(name));
            small.limit_body(1000);
            const Result<Answer> limited = co_await client.fetch(std::move(small)).as_result();
            CHECK(error_of(limited).find("longer than 1000 bytes") != std::string::npos);
        }
    });
}

TEST_CASE("a coded body that is cut short or broken is an error") {
    const std::string coded = encode(compression::Coding::gzip, "hello, world");
    for (const std::string& body : {coded.substr(0, coded.size() - 3), "xx" + coded, coded + "more"}) {
        Scene scene;
        scene.answer("a", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body);
        scene.play([](Reactor& reactor) -> Deferred<> {
            ClientRequest request("GET", "http://a/");
            Client client(reactor);
            ClientResponse response = co_await client.send(std::move(request));
            Result<std::string> whole = co_await response.body().as_result();
            CHECK_FALSE(whole);
            whole = co_await response.read().as_result();
            CHECK_FALSE(whole);
        });
    }
}

TEST_CASE("cookies are kept and sent where they belong, across redirects too") {
    Scene scene;
    const auto site = [](std::string name) {
        return [name](Request& request) -> Response {
            if (request.path() == "/set") {
                Response response = Response::redirect("http://b.example/seen");
                response.add("Set-Cookie", "of_" + name.substr(0, 1) + "=1; Path=/");
                response.add("Set-Cookie", "bad cookie; Domain=elsewhere.example");
                return response;
            }
            return Response::text(request.header("Cookie"));
        };
    };
    scene.serve("a.example", [&site] { return site("a.example"); });
    scene.serve("b.example", [&site] { return site("b.example"); });
    scene.play([](Reactor& reactor) -> Deferred<> {
        CookieJar jar;
        ClientOptions options;
        options.cookies = &jar;
        Client client(reactor, options);
        const Answer over = co_await client.get("http://a.example/set");
        CHECK(over.body == "");
        const Answer at_a = co_await client.get("http://a.example/");
        CHECK(at_a.body == "of_a=1");
        ClientRequest own("GET", "http://a.example/");
        own.set("Cookie", "mine=2");
        const Answer with_own = co_await client.fetch(std::move(own));
        CHECK(with_own.body == "mine=2");
        const Answer both = co_await client.get("http://b.example/set");
        CHECK(both.body == "of_b=1");
        CHECK(jar.size() == 2);
    });
}

// Wants a digest with a nonce of its own; says which requests came.
Handler guarded_site(std::vector<std::string>& seen, std::string challenge) {
    return [&seen, challenge](Request& request) -> Response {
        const std::string_view given = request.header("Authorization");
        seen.emplace_back(given.substr(0, given.find(' ')));
        if (given.starts_with("Digest ") && given.find("username=\"me\"") != std::string_view::npos) {
            return Response::text("welcome");
        }
        if (given == "Basic bWU6cHc=") return Response::text("welcome");
        Response response = Response::error(401);
        response.add("WWW-Authenticate", challenge);
        return response;
    };
}

TEST_CASE("credentials in a URL are Basic, those of a login answer what is asked for") {
    std::vector<std::string> basic;
    std::vector<std::string> digest;
    Scene scene;
    scene.serve("basic", [&basic] { return guarded_site(basic, "Basic realm=\"x\""); });
    scene.serve("digest", [&digest] {
        return guarded_site(digest, "Digest realm=\"x\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-256");
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        const Answer in_url = co_await client.get("http://me:pw@basic/");
        CHECK(in_url.body == "welcome");
        for (const std::string_view host : {"basic", "digest"}) {
            for (int i = 0; i < 2; ++i) {
                ClientRequest request("PUT", "http://" + std::string(host) + "/");
                request.body("x").login("me", "pw");
                const Answer answer = co_await client.fetch(std::move(request));
                CHECK(answer.body == "welcome");
            }
        }
        ClientRequest wrong("GET", "http://digest/");
        wrong.login("you", "pw");
        const Answer refused = co_await client.fetch(std::move(wrong));
        CHECK(refused.status == 401);
        ClientRequest at_once("GET", "http://basic/");
        at_once.basic("me", "pw");
        const Answer known = co_await client.fetch(std::move(at_once));
        CHECK(known.body == "welcome");
        ClientRequest odd("GET", "http://basic/");
        odd.bearer("not a token");
        const Result<Answer> unsent = co_await client.fetch(std::move(odd)).as_result();
        CHECK(unsent.error().is(Errc::invalid_argument));
    });
    CHECK((basic == std::vector<std::string>{"Basic", "", "Basic", "", "Basic", "Basic"}));
    CHECK((digest == std::vector<std::string>{"", "Digest", "Digest", "", "Digest"}));
}

TEST_CASE("forms go up with their length, and again when a redirect asks for that") {
    Scene scene;
    scene.serve("a", [] {
        Router router;
        router.post("/first", [](Request&) { return Response::redirect("/second", 307); });
        router.post("/second", [](Request& request) -> Deferred<Response> {
            const std::string body = co_await request.body();
            co_return Response::text(std::string(request.header("Content-Type").substr(0, 30)) + "\n" + body);
        });
        return router;
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        const std::array<std::byte, MultipartForm::kChance> chance{};
        MultipartForm form(chance);
        form.add("comment", "hello");
        ClientRequest request("POST", "http://a/first");
        request.form(std::move(form));
        const Answer answer = co_await client.fetch(std::move(request));
        CHECK(answer.body.starts_with("multipart/form-data; boundary="));
        CHECK(answer.body.find("name=\"comment\"") != std::string::npos);
        CHECK(answer.body.find("hello") != std::string::npos);
    });
}

TEST_CASE("what a body is made of is taken apart, and can be sent any number of times") {
    ClientRequest request("POST", "http://a/");
    Output body;
    body.append("one ");
    body.append(Descriptor());
    body.append_fixed("two");
    request.body(std::move(body), "x/y");
    CHECK(request.body_length() == 7);
    CHECK(request.make_body().to_string() == "one two");
    CHECK(request.make_body().to_string() == "one two");
    request.body(Output());
    CHECK(request.has_body());
    CHECK(request.body_length() == 0);
    CHECK(request.make_body().empty());
}

TEST_CASE("a connection can be handed to another protocol, with what came behind the head") {
    struct Echoed final : Protocol {
        explicit Echoed(std::string& heard) : heard_(heard) {}
        void connection_made(Transport& transport) override {
            transport_ = &transport;
            transport.write("ping");
        }
        void data_received(std::string_view bytes) override {
            heard_ += bytes;
            if (heard_.ends_with("!")) transport_->close();
        }
        std::string& heard_;
        Transport* transport_ = nullptr;
    };
    std::string heard;
    Scene scene;
    scene.script("a", [](Reactor&, Stream stream) -> Deferred<> {
        const std::string head = co_await stream.read_until("\r\n\r\n");
        CHECK(head.find("Upgrade: echo\r\n") != std::string::npos);
        CHECK(head.find("Connection: upgrade\r\n") != std::string::npos);
        co_await stream.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst ");
        const std::string word = co_await stream.read_exactly(4);
        co_await stream.write("then " + word + "!");
        co_await stream.read_some().as_result();
    });
    scene.play([&heard](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        ClientRequest request("GET", "http://a/");
        request.upgrade_to("echo");
        ClientResponse response = co_await client.send(std::move(request));
        CHECK(response.status() == 101);
        co_await sleep(reactor, 100ms);
        CHECK(response.upgrade(std::make_unique<Echoed>(heard)));
        CHECK_FALSE(response.upgrade(std::make_unique<Echoed>(heard)));
        CHECK(client.connections() == 0);
        co_await sleep(reactor, 1s);
        CHECK(heard == "first then ping!");

        ClientRequest unused("GET", "http://a/");
        unused.upgrade_to("echo");
        const Result<Answer> dropped = co_await client.fetch(std::move(unused)).as_result();
        CHECK(dropped.has_value());
    });
}

}  // namespace
}  // namespace bine::http
