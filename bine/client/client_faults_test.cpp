// What servers do wrong, and what happens when nobody is there.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bine/client/get.h"
#include "bine/testing/captured_logs.h"
#include "tests/client/scene.h"

namespace bine::http {
namespace {

// The error of getting http://a/, where somebody answers `bytes` and ends the connection.
Error error_for(std::string bytes, ClientOptions options = {}) {
    Scene scene;
    scene.answer("a", std::move(bytes));
    std::optional<Error> error;
    scene.play([&error, options](Reactor& reactor) -> Deferred<> {
        const Result<Answer> answer = co_await get(reactor, "http://a/", options).as_result();
        CHECK_FALSE(answer);
        if (!answer) error = answer.error();
    });
    REQUIRE(error);
    CHECK(error->text().find("http://a/") != std::string::npos);
    return *error;
}

TEST_CASE("each kind of malformed answer has its error") {
    struct Case {
        std::string_view bytes;
        Errc code;
        std::string_view text;
    };
    for (const Case& one : {
             Case{"SSH-2.0-OpenSSH\r\n", Errc::remote_protocol, "version"},
             {"HTTP/1.1 2x0 OK\r\n\r\n", Errc::remote_protocol, "status"},
             {"HTTP/2.0 200 OK\r\n\r\n", Errc::remote_protocol, "HTTP/1.0 and HTTP/1.1"},
             {"HTTP/1.1 200 OK\nA: b\n\n", Errc::remote_protocol, "CR LF"},
             {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Errc::remote_protocol, "blank before the colon"},
             {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Errc::remote_protocol, "second line"},
             {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Errc::remote_protocol, "Content-Length"},
             {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", Errc::remote_protocol,
              "both"},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", Errc::remote_protocol, "chunk"},
             {"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", Errc::remote_protocol,
              "nobody asked"},
             {"", Errc::end_of_stream, "before any byte of the answer"},
             {"HTTP/1.1 200", Errc::end_of_stream, "inside a message"},
             {"HTTP/1.1 100 Continue\r\n\r\n", Errc::end_of_stream, "inside a message"},
             {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", Errc::end_of_stream, "inside a message"},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Errc::end_of_stream,
              "inside a message"},
         }) {
        CAPTURE(one.bytes);
        const Error error = error_for(std::string(one.bytes));
        CHECK(error.is(one.code));
        CHECK(error.text().find(one.text) != std::string::npos);
    }
}

TEST_CASE("what is endless ends at its limit") {
    ClientOptions options;
    options.body = 1000;
    CHECK(error_for("HTTP/1.1 200 " + std::string(100'000, 'r'), options).is(Errc::limit_exceeded));
    CHECK(error_for("HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'a'), options).is(Errc::limit_exceeded));
    std::string fields = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 200; ++i) fields += "A: b\r\n";
    CHECK(error_for(fields + "\r\n", options).is(Errc::limit_exceeded));
    std::string interim;
    for (int i = 0; i < 100; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
    CHECK(error_for(interim, options).is(Errc::limit_exceeded));
    const Error body = error_for("HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'b'), options);
    CHECK(body.is(Errc::limit_exceeded));
    CHECK(body.text().find("longer than 1000 bytes") != std::string::npos);
    CHECK(error_for("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'b'), options)
              .is(Errc::limit_exceeded));
}

TEST_CASE("a body up to the end of the connection is whole, and the connection is not kept") {
    Scene scene;
    scene.answer("a", "HTTP/1.0 200 OK\r\n\r\nall of it");
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        for (int i = 0; i < 2; ++i) {
            const Answer answer = co_await client.get("http://a/");
            CHECK(answer.body == "all of it");
            CHECK(client.idle_connections() == 0);
        }
    });
}

TEST_CASE("bytes behind an answer are not taken for the next one") {
    Scene scene;
    int connections = 0;
    scene.script("a", [&connections](Reactor&, Stream stream) -> Deferred<> {
        ++connections;
        co_await stream.read_until("\r\n\r\n");
        co_await stream.write(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        co_await stream.read_some();
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        for (int i = 0; i < 3; ++i) {
            const Answer answer = co_await client.get("http://a/");
            CHECK(answer.body == "on");
        }
    });
    CHECK(connections == 3);
}

TEST_CASE("bytes and an end that come while a connection is idle make it useless") {
    for (const std::string_view late : {"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", ""}) {
        CAPTURE(late);
        Scene scene;
        int connections = 0;
        scene.script("a", [&](Reactor& reactor, Stream stream) -> Deferred<> {
            ++connections;
            co_await stream.read_until("\r\n\r\n");
            co_await stream.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            co_await sleep(reactor, 2s);
            if (!late.empty()) co_await stream.write(late);
        });
        scene.play([](Reactor& reactor) -> Deferred<> {
            Client client(reactor);
            co_await client.get("http://a/");
            CHECK(client.idle_connections() == 1);
            co_await sleep(reactor, 5s);
            CHECK(client.idle_connections() == 0);
            CHECK(client.connections() == 0);
            const Answer answer = co_await client.get("http://a/");
            CHECK(answer.body == "ok");
        });
        CHECK(connections == 2);
    }
}

TEST_CASE("nobody there, and no such name") {
    Scene scene;
    scene.world.add_host("empty");
    scene.play([](Reactor& reactor) -> Deferred<> {
        const Result<Answer> refused = co_await get(reactor, "http://empty/").as_result();
        CHECK(error_of(refused).starts_with("GET http://empty/: connect to empty:80: "));
        CHECK(error_of(refused).find("refused") != std::string::npos);
        const Result<Answer> address = co_await get(reactor, "http://10.0.0.1:81/").as_result();
        CHECK(error_of(address) == "GET http://10.0.0.1:81/: connect to 10.0.0.1:81: Connection refused");
        const Result<Answer> of_six = co_await get(reactor, "http://[fd00::1]:81/").as_result();
        CHECK(error_of(of_six) == "GET http://[fd00::1]:81/: connect to [fd00::1]:81: Connection refused");
        const Result<Answer> unknown = co_await get(reactor, "http://nowhere.example/").as_result();
        CHECK(unknown.error().is(Errc::not_found));
        const Result<Answer> bad = co_await get(reactor, "http://a b/").as_result();
        CHECK(bad.error().is(Errc::invalid_argument));
        const Result<Answer> other = co_await get(reactor, "ftp://a/").as_result();
        CHECK(other.error().is(Errc::unsupported));
    });
}

TEST_CASE("a field that would make a line of its own is refused before anything is sent") {
    Scene scene;
    bool asked = false;
    scene.script("a", [&asked](Reactor&, Stream) -> Deferred<> {
        asked = true;
        return ready();
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        const auto refused = [&client](auto change) {
            ClientRequest request("GET", "http://a/");
            change(request);
            return client.fetch(std::move(request)).as_result();
        };
        const Result<Answer> value = co_await refused([](ClientRequest& r) { r.set("A", "b\r\nEvil: yes"); });
        CHECK(value.error().is(Errc::local_protocol));
        const Result<Answer> name = co_await refused([](ClientRequest& r) { r.add("A b", "c"); });
        CHECK(name.error().is(Errc::local_protocol));
        const Result<Answer> framing =
            co_await refused([](ClientRequest& r) { r.set("Transfer-Encoding", "chunked"); });
        CHECK(framing.error().is(Errc::local_protocol));
    });
    CHECK_FALSE(asked);
}

// A server that stops at every place of its answer: the client's time comes, whatever it waits for.
TEST_CASE("a server that falls silent is given up, wherever it does") {
    const std::string answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for (std::size_t told = 0; told < answer.size(); told += 3) {
        CAPTURE(told);
        Scene scene;
        scene.script("a", [&](Reactor&, Stream stream) -> Deferred<> {
            co_await stream.read_until("\r\n\r\n");
            co_await stream.write(answer.substr(0, told));
            co_await stream.read_some().as_result();
        });
        scene.play([told](Reactor& reactor) -> Deferred<> {
            ClientOptions options;
            options.head_time = 5s;
            options.read_time = 3s;
            const TimePoint start = reactor.now();
            const Result<Answer> got = co_await get(reactor, "http://a/", options).as_result();
            REQUIRE_FALSE(got);
            CHECK(got.error().is(Errc::timed_out));
            const bool in_head = told < 47;
            CHECK(error_of(got).find(in_head ? "no answer came (ClientOptions::head_time) within 5 s"
                                             : "no byte of the body came (ClientOptions::read_time) within 3 s") !=
                  std::string::npos);
            CHECK(reactor.now() - start >= (in_head ? 5s : 3s));
            CHECK(reactor.now() - start < (in_head ? 6s : 4s));
        });
    }
}

TEST_CASE("a server that drips byte after byte comes to the end of the whole") {
    Scene scene;
    scene.script("a", [](Reactor& reactor, Stream stream) -> Deferred<> {
        co_await stream.read_until("\r\n\r\n");
        co_await stream.write("HTTP/1.1 200 OK\r\n\r\n");
        while (true) {
            co_await stream.write("x");
            co_await sleep(reactor, 1s);
        }
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.total_time = 30s;
        const TimePoint start = reactor.now();
        const Result<Answer> got = co_await get(reactor, "http://a/", options).as_result();
        CHECK(error_of(got).find("took longer than 30 s") != std::string::npos);
        CHECK(reactor.now() - start < 31s);
        ClientRequest request("GET", "http://a/");
        request.time_limit(2s);
        const Result<Answer> sooner = co_await fetch(reactor, std::move(request)).as_result();
        CHECK(error_of(sooner).find("took longer than 2 s") != std::string::npos);
    });
}

TEST_CASE("a server that does not read is given up") {
    const testing::CapturedLogs quiet;
    Scene scene;
    scene.script("a", [](Reactor& reactor, Stream stream) -> Deferred<> {
        stream.transport()->pause_reading();
        co_await sleep(reactor, 10s);
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        ClientOptions options;
        options.write_time = 4s;
        options.total_time = Duration(0);
        Client client(reactor, options);
        const TimePoint start = reactor.now();
        const Result<Answer> whole = co_await client.post("http://a/", std::string(1'000'000, 'x')).as_result();
        CHECK(error_of(whole).find("no byte of the request left (ClientOptions::write_time) within 4 s") !=
              std::string::npos);
        CHECK(reactor.now() - start < 9s);
        ClientRequest request("POST", "http://a/");
        bool ended = false;
        const auto producer = [&ended](RequestWriter& out) -> Deferred<> {
            struct AtEnd {
                bool& flag;
                ~AtEnd() { flag = true; }
            } at_end{ended};
            while (true) co_await out.write(std::string(10'000, 'x'));
        };
        request.stream(producer);
        const Result<Answer> streamed = co_await client.fetch(std::move(request)).as_result();
        CHECK(streamed.error().is(Errc::timed_out));
        CHECK(ended);
    });
}

TEST_CASE("a connection that is reset at any byte gives an error or the answer, and leaves nothing") {
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (std::size_t told = 0; told <= answer.size(); ++told) {
        CAPTURE(told);
        Scene scene;
        scene.script("a", [&](Reactor& reactor, Stream stream) -> Deferred<> {
            co_await stream.read_until("\r\n\r\n");
            co_await stream.write(answer.substr(0, told));
            co_await sleep(reactor, 1s);
            stream.abort();
        });
        scene.play([&](Reactor& reactor) -> Deferred<> {
            const Result<Answer> got = co_await get(reactor, "http://a/").as_result();
            CHECK(got.has_value() == (told == answer.size()));
        });
    }
}

TEST_CASE("a producer that fails, or breaks its word, is the error of the request") {
    const testing::CapturedLogs quiet;
    Scene scene;
    scene.serve("a", [] {
        return [](Request& request) -> Deferred<Response> {
            const std::string body = co_await request.body();
            co_return Response::text(body);
        };
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        ClientRequest failing("POST", "http://a/");
        const auto fails = [](RequestWriter& out) -> Deferred<> {
            co_await out.write("some");
            throw Error(Errc::not_found, "the file is gone");
        };
        failing.stream(fails);
        const Result<Answer> failed_body = co_await client.fetch(std::move(failing)).as_result();
        CHECK(error_of(failed_body) == "POST http://a/: the body of the request: the file is gone");
        for (const uint64_t told : {3u, 5u}) {
            ClientRequest wrong("POST", "http://a/");
            const auto writes_four = [](RequestWriter& out) -> Deferred<> { co_await out.write("four"); };
            wrong.stream(writes_four, told);
            const Result<Answer> answer = co_await client.fetch(std::move(wrong)).as_result();
            CHECK(answer.error().is(Errc::local_protocol));
        }
        CHECK(client.connections() <= 1);
    });
}

TEST_CASE("an answer that comes before all of the request was sent is the answer") {
    const testing::CapturedLogs quiet;
    Scene scene;
    scene.script("a", [](Reactor& reactor, Stream stream) -> Deferred<> {
        co_await stream.read_until("\r\n\r\n");
        co_await stream.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n");
        co_await sleep(reactor, 10s);
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        ClientRequest request("POST", "http://a/");
        const auto endless = [](RequestWriter& out) -> Deferred<> {
            while (true) co_await out.write(std::string(1000, 'x'));
        };
        request.stream(endless);
        const Answer answer = co_await client.fetch(std::move(request));
        CHECK(answer.status == 413);
        CHECK(answer.body == "no\n");
        CHECK(client.idle_connections() == 0);
    });
}

TEST_CASE("who expects to be asked for the body sends it when asked, or after a while, and not when refused") {
    Scene scene;
    std::vector<std::string> seen;
    int which = 0;
    scene.script("a", [&](Reactor& reactor, Stream stream) -> Deferred<> {
        const int now = which++;
        co_await stream.read_until("\r\n\r\n");
        if (now == 0) co_await stream.write("HTTP/1.1 100 Continue\r\n\r\n");
        if (now == 2) {
            co_await stream.write("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
            co_await sleep(reactor, 5s);
            const Result<std::string> more = co_await stream.read_some().as_result();
            seen.push_back(more ? *more : "");
            co_return;
        }
        const TimePoint start = reactor.now();
        std::string body = co_await stream.read_exactly(4);
        seen.push_back(body + (reactor.now() - start > 900ms ? " later" : ""));
        co_await stream.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        Client client(reactor);
        for (const int status : {200, 200, 401}) {
            ClientRequest request("PUT", "http://a/");
            request.body("body").expect_continue();
            const Answer answer = co_await client.fetch(std::move(request));
            CHECK(answer.status == status);
            CHECK(client.idle_connections() == 0);
        }
    });
    CHECK((seen == std::vector<std::string>{"body", "body later", ""}));
}

TEST_CASE("a server that cannot be asked for the body is sent it at once") {
    Scene scene;
    int asked = 0;
    scene.script("a", [&asked](Reactor&, Stream stream) -> Deferred<> {
        const std::string head = co_await stream.read_until("\r\n\r\n");
        if (++asked == 1) {
            co_await stream.write("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
            co_await stream.read_some().as_result();
            co_return;
        }
        CHECK(head.find("Expect") == std::string::npos);
        const std::string body = co_await stream.read_exactly(4);
        co_await stream.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body);
    });
    scene.play([](Reactor& reactor) -> Deferred<> {
        ClientRequest request("PUT", "http://a/");
        request.body("body").expect_continue();
        const Answer answer = co_await fetch(reactor, std::move(request));
        CHECK(answer.body == "body");
        ClientOptions options;
        options.user_agent = "evil\r\nX: y";
        const Result<Answer> wrong = co_await get(reactor, "http://a/", options).as_result();
        CHECK(wrong.error().is(Errc::local_protocol));
    });
    CHECK(asked == 2);
}

}  // namespace
}  // namespace bine::http
