// Connections that are kept, shared and lost.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "bine/async/gather.h"
#include "bine/client/client_trace.h"
#include "bine/client/get.h"
#include "bine/testing/captured_logs.h"
#include "tests/client/scene.h"

namespace bine::http {
namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A server whose connections live for so many answers, and then end without a word; counts both.
struct Counts {
    int connections = 0;
    int open = 0;
    int most_open = 0;
    int requests = 0;
};

Function<Deferred<>(Reactor&, Stream)> short_lived(Counts& counts, int answers, Duration takes = 10ms) {
    return [&counts, answers, takes](Reactor& reactor, Stream stream) -> Deferred<> {
        ++counts.connections;
        counts.most_open = std::max(counts.most_open, ++counts.open);
        struct Leaving {
            int& open;
            ~Leaving() { --open; }
        } leaving{counts.open};
        for (int i = 0; i < answers; ++i) {
            co_await stream.read_until("\r\n\r\n");
            ++counts.requests;
            co_await sleep(reactor, takes);
            co_await stream.write(kOk);
        }
        co_await stream.read_until("\r\n\r\n");
        stream.abort();
    };
}

TEST_CASE("there are no more connections than allowed, to one host and in all, and everybody is served") {
    Counts a;
    Counts b;
    Scene scene;
    scene.script("a", short_lived(a, 1000));
    scene.script("b", short_lived(b, 1000));
    scene.play([&](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.connections = 5;
        options.connections_per_host = 3;
        Client client(reactor, options);
        std::vector<Deferred<Answer>> asked;
        for (int i = 0; i < 40; ++i) asked.push_back(client.get(i % 4 == 0 ? "http://b/" : "http://a/"));
        const std::vector<Answer> answers = co_await gather(std::move(asked));
        CHECK(answers.size() == 40);
        CHECK(client.connections() <= 5);
    });
    CHECK(a.requests == 30);
    CHECK(b.requests == 10);
    CHECK(a.most_open == 3);
    CHECK(b.most_open <= 3);
    CHECK(a.connections + b.connections <= 6);
}

TEST_CASE("a host that is busy does not keep another waiting for ever") {
    Counts a;
    Counts b;
    Scene scene;
    scene.script("a", short_lived(a, 1000));
    scene.script("b", short_lived(b, 1000));
    scene.play([&](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.connections = 1;
        Client client(reactor, options);
        std::vector<Deferred<Answer>> busy;
        for (int i = 0; i < 50; ++i) busy.push_back(client.get("http://a/"));
        const Answer other = co_await client.get("http://b/");
        CHECK(other.body == "ok");
        CHECK(a.requests < 5);
        const std::vector<Answer> answers = co_await gather(std::move(busy));
        CHECK(answers.size() == 50);
    });
}

TEST_CASE("an idempotent request is asked again when a kept connection turns out to be dead, another is not") {
    const testing::CapturedLogs quiet;
    Counts counts;
    Scene scene;
    scene.script("a", short_lived(counts, 1));
    scene.play([&](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        for (int i = 0; i < 3; ++i) {
            const Answer answer = co_await client.get("http://a/");
            CHECK(answer.body == "ok");
        }
        CHECK(counts.connections == 3);
        const Result<Answer> posted = co_await client.post("http://a/", "").as_result();
        CHECK_FALSE(posted);
        CHECK(counts.connections == 3);
        const Answer put = co_await client.put("http://a/", "");
        CHECK(put.body == "ok");
    });
    Counts never;
    Scene another;
    another.script("a", short_lived(never, 1));
    another.play([&](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.retry = false;
        Client client(reactor, options);
        co_await client.get("http://a/");
        const Result<Answer> second = co_await client.get("http://a/").as_result();
        CHECK_FALSE(second);
    });
}

TEST_CASE("it is asked again once, and not when a byte of the answer had come or the connection was new") {
    const testing::CapturedLogs quiet;
    Counts counts;
    Scene scene;
    scene.script("new", short_lived(counts, 0));
    int connections = 0;
    scene.script("partly", [&connections](Reactor&, Stream stream) -> Deferred<> {
        ++connections;
        co_await stream.read_until("\r\n\r\n");
        co_await stream.write(kOk);
        co_await stream.read_until("\r\n\r\n");
        co_await stream.write("HTTP/1.1 2");
    });
    scene.play([&](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        const Result<Answer> fresh = co_await client.get("http://new/").as_result();
        CHECK_FALSE(fresh);
        CHECK(counts.connections == 1);
        co_await client.get("http://partly/");
        const Result<Answer> partly = co_await client.get("http://partly/").as_result();
        CHECK(partly.error().is(Errc::end_of_stream));
        CHECK(connections == 1);
    });
}

TEST_CASE("a connection that nobody uses is closed after a while, one that is used up at once") {
    Counts counts;
    Scene scene;
    scene.script("a", short_lived(counts, 1000));
    scene.play([&](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.idle_time = 5s;
        options.requests_per_connection = 2;
        Client client(reactor, options);
        co_await client.get("http://a/");
        co_await sleep(reactor, 4s);
        CHECK(client.idle_connections() == 1);
        co_await sleep(reactor, 2s);
        CHECK(client.connections() == 0);
        for (int i = 0; i < 4; ++i) co_await client.get("http://a/");
        CHECK(counts.connections == 3);
        CHECK(client.idle_connections() == 0);
        ClientRequest last("GET", "http://a/");
        last.close_after();
        co_await client.fetch(std::move(last));
        CHECK(client.idle_connections() == 0);
        co_await client.get("http://a/");
        client.close_idle();
        CHECK(client.connections() == 0);
    });
}

// Whatever is under way: dropping the Deferred ends it, and the client goes on.
TEST_CASE("a request can be dropped at any time") {
    Scene scene;
    scene.script("a", [](Reactor& reactor, Stream stream) -> Deferred<> {
        while (true) {
            co_await stream.read_until("\r\n\r\n");
            co_await sleep(reactor, 10ms);
            co_await stream.write("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789");
            co_await sleep(reactor, 10ms);
            co_await stream.write("0123456789");
        }
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.connections = 1;
        Client client(reactor, options);
        for (int patience = 0; patience < 40; ++patience) {
            Deferred<Answer> dropped = client.get("http://a/");
            Deferred<Answer> waiting = client.get("http://a/");
            Deferred<Answer> behind = client.get("http://a/");
            co_await sleep(reactor, 1ms * patience);
            waiting = {};
            dropped = {};
            const Answer answer = co_await std::move(behind);
            CHECK(answer.body.size() == 20);
            CHECK(client.connections() == 1);
            if (patience % 2 == 0) client.close_idle();
        }
    });
}

TEST_CASE("an answer whose body is not read gives up its connection, and may outlive the client") {
    Scene scene;
    scene.script("a", [](Reactor& reactor, Stream stream) -> Deferred<> {
        co_await stream.read_until("\r\n\r\n");
        co_await stream.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
        co_await sleep(reactor, 1s);
        co_await stream.write("56789");
        co_await stream.read_some().as_result();
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        auto client = std::make_unique<Client>(reactor);
        {
            ClientRequest request("GET", "http://a/");
            const ClientResponse dropped = co_await client->send(std::move(request));
            CHECK(client->connections() == 1);
        }
        co_await next_turn(reactor);
        co_await sleep(reactor, 1ms);
        CHECK(client->connections() == 0);
        ClientRequest request("GET", "http://a/");
        ClientResponse response = co_await client->send(std::move(request));
        Deferred<Answer> pending = client->get("http://a/");
        co_await sleep(reactor, 1ms);
        client.reset();
        const Result<Answer> ended = co_await std::move(pending).as_result();
        CHECK(ended.error().is(Errc::cancelled_by_scope));
        ClientResponse moved = std::move(response);
        const std::string body = co_await moved.body();
        CHECK(body == "0123456789");
    });
}

TEST_CASE("what happens is told") {
    struct Story final : ClientTrace {
        void queued(const Trip& t) override { say(t, "queued"); }
        void reused(const Trip& t) override { say(t, "reused"); }
        void connecting(const Trip& t) override { say(t, "connecting"); }
        void resolved(const Trip& t, Duration) override { say(t, "resolved"); }
        void connected(const Trip& t, Duration took) override { say(t, took > 0s ? "connected" : "too fast"); }
        void sent(const Trip& t) override { say(t, "sent"); }
        void answered(const Trip& t, int status) override { say(t, std::to_string(status)); }
        void retried(const Trip& t, const Error&) override { say(t, "retried"); }
        void redirected(const Trip& t, int, const Url& to) override { say(t, "to " + to.path()); }
        void done(const Trip& t, uint64_t bytes) override { say(t, "done " + std::to_string(bytes)); }
        void failed(const Trip& t, const Error&) override { say(t, "failed"); }
        void say(const Trip& t, std::string_view what) { told[t.number].append(what).append(";"); }
        std::map<uint64_t, std::string> told;
    } story;
    Counts counts;
    const testing::CapturedLogs quiet;
    Scene scene;
    scene.script("a", short_lived(counts, 1));
    scene.serve("b", [] {
        Router router;
        router.get("/", [](Request&) { return Response::redirect("/end"); });
        router.get("/end", [](Request&) { return Response::text("the end"); });
        return router;
    });
    scene.play([&](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.connections_per_host = 1;
        options.trace = &story;
        Client client(reactor, options);
        Deferred<Answer> first = client.get("http://a/");
        Deferred<Answer> second = client.get("http://a/");
        co_await std::move(first);
        co_await std::move(second);
        co_await client.get("http://b/");
        co_await client.post("http://a/", "").as_result();
    });
    CHECK(story.told[1] == "connecting;resolved;connected;sent;done 2;200;");
    CHECK(story.told[2] == "queued;reused;sent;retried;connecting;resolved;connected;sent;done 2;200;");
    CHECK(story.told[3].starts_with("connecting;resolved;connected;sent;"));
    CHECK(story.told[3].find("303;to /end;") != std::string::npos);
    CHECK(story.told[3].find("reused;sent;done 7;200;") != std::string::npos);
}

}  // namespace
}  // namespace bine::http
