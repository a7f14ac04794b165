// https, and the ways through proxies, with and without it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bine/async/task_group.h"
#include "bine/client/client_trace.h"
#include "bine/client/get.h"
#include "bine/client/proxy_settings.h"
#include "bine/endpoints/listen.h"
#include "bine/testing/captured_logs.h"
#include "bine/tls/context.h"
#include "bine/tls/protocols.h"
#include "tests/client/scene.h"

namespace bine::http {
namespace {

Handler secure_site() {
    Router router;
    router.get("/", [](Request& request) { return Response::text("secret for " + std::string(request.host())); });
    router.get("/down", [](Request&) { return Response::redirect("http://plain/"); });
    return router;
}

// https://NAME/ and http://NAME/ of the same host; the certificate is for `certified`.
struct SecureScene : Scene {
    explicit SecureScene(std::string certified = "a", uint64_t seed = 1) : Scene(seed) {
        sim::Host& host = world.add_host("a");
        host.run([this, certified](Reactor& reactor) { return serve_secure(reactor, certified); });
    }
    Deferred<> serve_secure(Reactor& reactor, std::string certified) {
        const auto identity = tls::Identity::self_signed({certified}, reactor.wall_now());
        authority = identity->certificates_pem();
        const auto context = tls::Context::server({.identities = {*identity}});
        Server server(secure_site());
        Port port = co_await listen(reactor, "tcp:443", tls::server_factory(*context, server.factory()));
        co_await port.closed();
    }
    tls::Context trusting() const {
        tls::ClientOptions options;
        options.trust.system = false;
        options.trust.ca_pem = authority;
        return *tls::Context::client(options);
    }
    std::string authority;
};

TEST_CASE("https: one connection for many requests, and the certificate is believed") {
    SecureScene scene;
    scene.play([&scene](Reactor& reactor) -> Deferred<> {
        co_await sleep(reactor, 1s);
        Client client(reactor, {}, scene.trusting());
        for (int i = 0; i < 3; ++i) {
            const Answer answer = co_await client.get("https://a/");
            CHECK(answer.body == "secret for a");
            CHECK(client.connections() == 1);
        }
        const Result<Answer> down = co_await client.get("https://a/down").as_result();
        CHECK(error_of(down).find("allow_downgrade") != std::string::npos);
    });
}

TEST_CASE("https: whom nobody vouches for, or who is somebody else, is not asked") {
    const testing::CapturedLogs quiet;
    SecureScene scene("b");
    scene.play([&scene](Reactor& reactor) -> Deferred<> {
        co_await sleep(reactor, 1s);
        Client client(reactor, {}, scene.trusting());
        const Result<Answer> wrong_name = co_await client.get("https://a/").as_result();
        CHECK(wrong_name.error().is(Errc::not_trusted));
        CHECK(error_of(wrong_name).starts_with("GET https://a/: connect to a:443: "));
        tls::ClientOptions nobody;
        nobody.trust.system = false;
        Client careful(reactor, {}, *tls::Context::client(nobody));
        const Result<Answer> unknown = co_await careful.get("https://a/").as_result();
        CHECK(unknown.error().is(Errc::not_trusted));
        CHECK(careful.connections() == 0);
    });
}

TEST_CASE("https: a handshake that is not answered ends in time, or when it is dropped") {
    Scene scene;
    scene.world.add_host("a").run([](Reactor& reactor) -> Deferred<> {
        Port port = co_await listen(reactor, "tcp:443", [](Stream stream) -> Deferred<> {
            while (true) {
                const Result<std::string> bytes = co_await stream.read_some().as_result();
                if (!bytes || bytes->empty()) co_return;
            }
        });
        co_await port.closed();
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.handshake_time = 3s;
        tls::ClientOptions nobody;
        nobody.trust.system = false;
        Client client(reactor, options, *tls::Context::client(nobody));
        const TimePoint start = reactor.now();
        const Result<Answer> late = co_await client.get("https://a/").as_result();
        CHECK(late.error().is(Errc::timed_out));
        CHECK(reactor.now() - start < 4s);
        Deferred<Answer> dropped = client.get("https://a/");
        co_await sleep(reactor, 1s);
        CHECK(client.connections() == 1);
        dropped = {};
        co_await sleep(reactor, 1s);
        CHECK(client.connections() == 0);
    });
}

// A proxy of few lines: takes requests in absolute form, and makes ways through.
struct Proxy {
    std::vector<std::string> asked;

    Deferred<> serve(Reactor& reactor, Stream stream) {
        const std::string head = co_await stream.read_until("\r\n\r\n");
        asked.push_back(head);
        if (!head.starts_with("CONNECT ")) {
            co_await stream.write("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied");
            co_await stream.read_some().as_result();
            co_return;
        }
        if (head.find("Proxy-Authorization: Basic dTpw\r\n") == std::string::npos) {
            co_await stream.write("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
            co_return;
        }
        const std::string target = head.substr(8, head.find(' ', 8) - 8);
        co_await stream.write("HTTP/1.1 200 Connected\r\n\r\n");
        co_await pass_on(reactor, std::move(stream), target);
    }
    static Deferred<> pass_on(Reactor& reactor, Stream stream, std::string target) {
        Stream behind = co_await connect(reactor, "tcp:" + target);
        TaskGroup group;
        group.start([&]() { return copy(stream, behind); });
        group.start([&]() { return copy(behind, stream); });
        co_await group.join();
    }
    static Deferred<> copy(Stream& from, Stream& to) {
        while (true) {
            const Result<std::string> bytes = co_await from.read_some().as_result();
            if (!bytes || bytes->empty()) break;
            co_await to.write(*bytes).as_result();
        }
        to.shutdown_writing();
    }
};

// How far connections came.
struct Told final : ClientTrace {
    std::string steps;

    void connected(const Trip&, Duration) override { steps += "connected;"; }
    void secured(const Trip&, Duration) override { steps += "secured;"; }
};

TEST_CASE("http through a proxy is asked in absolute form, over one connection for all hosts") {
    Proxy proxy;
    Scene scene;
    scene.script("p", [&proxy](Reactor& reactor, Stream stream) { return proxy.serve(reactor, std::move(stream)); });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Told told;
        ClientOptions options;
        options.proxy = "http://u:p@p:80";
        options.trace = &told;
        Client client(reactor, options);
        const Answer answer = co_await client.get("http://far.example/x?y");
        CHECK(answer.body == "proxied");
        CHECK(answer.url.to_string() == "http://far.example/x?y");
        CHECK(told.steps == "connected;");
    });
    REQUIRE(proxy.asked.size() == 1);
    CHECK(proxy.asked[0].starts_with("GET http://far.example/x?y HTTP/1.1\r\nHost: far.example\r\n"));
    CHECK(proxy.asked[0].find("Proxy-Authorization: Basic dTpw\r\n") != std::string::npos);
}

TEST_CASE("https through a proxy goes through a tunnel, whose end is believed or not") {
    const testing::CapturedLogs quiet;
    Proxy proxy;
    SecureScene scene;
    scene.script("p", [&proxy](Reactor& reactor, Stream stream) { return proxy.serve(reactor, std::move(stream)); });
    scene.play([&scene](Reactor& reactor) -> Deferred<> {
        co_await sleep(reactor, 1s);
        Told told;
        ClientOptions options;
        options.proxy = "u:p@p:80";
        options.trace = &told;
        Client client(reactor, options, scene.trusting());
        for (int i = 0; i < 2; ++i) {
            const Answer answer = co_await client.get("https://a/");
            CHECK(answer.body == "secret for a");
        }
        CHECK(client.connections() == 1);
        CHECK(told.steps == "connected;secured;");
        options.proxy = "http://p:80";
        Client unknown(reactor, options, scene.trusting());
        const Result<Answer> refused = co_await unknown.get("https://a/").as_result();
        CHECK(error_of(refused).find(
                  "connect to a:443 through the proxy p:80: the proxy answers CONNECT a:443 with 407") !=
              std::string::npos);
        CHECK_MESSAGE(told.steps == "connected;secured;", "nobody is connected whom the proxy refuses");
        options.proxy = "gopher://p";
        Client wrong(reactor, options);
        const Result<Answer> other = co_await wrong.get("https://a/").as_result();
        CHECK(error_of(other).find("ClientOptions::proxy") != std::string::npos);
    });
    CHECK(proxy.asked.size() == 2);
    CHECK(proxy.asked[0].starts_with("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n"));
}

// A SOCKS 5 proxy of few lines.
Deferred<> serve_socks(Reactor& reactor, Stream stream, std::string& asked) {
    const std::string methods = co_await stream.read_exactly(2);
    co_await stream.read_exactly(static_cast<std::size_t>(methods[1]));
    co_await stream.write(std::string("\x05\x00", 2));
    const std::string request = co_await stream.read_exactly(4);
    std::string host;
    if (request[3] == 3) {
        const std::string size = co_await stream.read_exactly(1);
        host = co_await stream.read_exactly(static_cast<std::size_t>(size[0]));
    } else {
        const std::string bytes = co_await stream.read_exactly(request[3] == 1 ? 4 : 16);
        for (const char byte : bytes) host += (host.empty() ? "" : ".") + std::to_string(static_cast<uint8_t>(byte));
    }
    const std::string port = co_await stream.read_exactly(2);
    const int number = static_cast<uint8_t>(port[0]) * 256 + static_cast<uint8_t>(port[1]);
    asked = host + ":" + std::to_string(number);
    co_await stream.write(std::string("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10));
    co_await Proxy::pass_on(reactor, std::move(stream), asked);
}

TEST_CASE("SOCKS proxies are given a name or an address") {
    for (const std::string_view scheme : {"socks5h", "socks5"}) {
        CAPTURE(scheme);
        std::string asked;
        Scene scene;
        scene.serve("a", secure_site);
        scene.script(
            "p", [&asked](Reactor& reactor, Stream stream) { return serve_socks(reactor, std::move(stream), asked); });
        scene.play([scheme](Reactor& reactor) -> Deferred<> {
            Told told;
            ClientOptions options;
            const std::string proxy = std::string(scheme) + "://p:80";
            options.proxy = proxy;
            options.trace = &told;
            const Answer answer = co_await get(reactor, "http://a/", options);
            CHECK(answer.body == "secret for a");
            CHECK(told.steps == "connected;");
        });
        CHECK(asked == (scheme == "socks5h" ? "a:80" : "10.0.0.1:80"));
    }
}

TEST_CASE("a SOCKS proxy that refuses has reached nobody, and says so once") {
    Scene scene;
    scene.script("p", [](Reactor&, Stream stream) -> Deferred<> {
        co_await stream.read_exactly(3);
        co_await stream.write(std::string("\x05\x00", 2));
        co_await stream.read_exactly(8);
        co_await stream.write(std::string("\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", 10));
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Told told;
        ClientOptions options;
        options.proxy = "socks5h://p:80";
        options.trace = &told;
        const Result<Answer> answer = co_await get(reactor, "http://a/", options).as_result();
        CHECK(
            error_of(answer) ==
            "GET http://a/: connect to a:80 through the proxy p:80: the SOCKS proxy does not connect: the connection was "
            "refused");
        CHECK(told.steps.empty());
    });
}

TEST_CASE("a proxy that ends before its answer, or does not answer, is told of") {
    Scene scene;
    scene.script("p", [](Reactor&, Stream stream) -> Deferred<> { co_await stream.read_until("\r\n\r\n"); });
    scene.script("silent", [](Reactor&, Stream stream) -> Deferred<> {
        while (true) {
            const Result<std::string> bytes = co_await stream.read_some().as_result();
            if (!bytes || bytes->empty()) co_return;
        }
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        tls::ClientOptions nobody;
        nobody.trust.system = false;
        const tls::Context context = *tls::Context::client(nobody);
        for (const std::string_view proxy : {"http://p:80", "http://silent:80", "socks5h://silent:80"}) {
            ClientOptions options;
            options.proxy = proxy;
            options.handshake_time = 2s;
            Client client(reactor, options, context);
            const Result<Answer> answer = co_await client.get("https://a/").as_result();
            CAPTURE(error_of(answer));
            CHECK(answer.error().is(proxy == "http://p:80" ? Errc::end_of_stream : Errc::timed_out));
            CHECK(error_of(answer).find("through the proxy") != std::string::npos);
            co_await sleep(reactor, 1s);
            CHECK(client.connections() == 0);
        }
    });
}

}  // namespace
}  // namespace bine::http
