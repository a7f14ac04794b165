// The HTTP server: whatever the network does, answers are complete and in order, or the connection ends; never mixed.
#include <array>
#include <utility>

#include "bine/async/sleep.h"
#include "bine/async/task_group.h"
#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/http/static_files.h"
#include "bine/testing/temp_folder.h"
#include "scenarios.h"
#include "scenes.h"

namespace bine::tests {

namespace {

using namespace std::chrono_literals;
using http::Request;
using http::Response;
using http::ResponseWriter;
using sim::Host;
using sim::World;

constexpr std::array<std::string_view, 6> kKinds{"plain", "later", "stream", "big", "fails", "echo"};

constexpr Duration kIdleTime = 20s;

std::size_t size_for(std::string_view kind, uint64_t number) {
    return kind == "big" ? 3000 + number * 7919 % 150'000 : 20 + number % 80;
}

uint64_t number_of(const Request& request) {
    return std::strtoull(std::string(request.param("number")).c_str(), nullptr, 10);
}

struct Tally {
    uint64_t begun = 0;     // requests whose handlers were called
    uint64_t answered = 0;  // answers that came
    uint64_t whole = 0;     // connections on which all was answered
    uint64_t cut = 0;       // connections that ended before that, and no answer said so
    bool calm = false;      // the network may be slow, and does nothing worse
};

// Every kind of handler that there is, each with an answer that tells which request it is for. Now and then one turns its
// reactor, as code does that waits for something inside a callback.
http::Router make_site(World& world, Reactor& reactor, Tally& tally) {
    http::Router router;
    const auto turn = [&world, &reactor] {
        if (world.one_in("a handler turns its reactor", 8)) reactor.turn(TimePoint::min());
    };
    const auto begin = [&tally, turn] {
        ++tally.begun;
        turn();
    };
    const auto answer = [](Request& request, std::string_view kind) {
        return Response::text(pattern(number_of(request), size_for(kind, number_of(request))));
    };
    const auto pause = [&world, &reactor] {
        return sleep(reactor, 1ms * static_cast<int>(world.choose("a handler takes, ms", 200)));
    };
    router.get("/plain/{number}", [answer, begin](Request& request) {
        begin();
        return answer(request, "plain");
    });
    router.get("/big/{number}", [answer, begin](Request& request) {
        begin();
        return answer(request, "big");
    });
    router.get("/later/{number}", [answer, begin, pause, turn](Request& request) -> Deferred<Response> {
        begin();
        co_await pause();
        turn();
        co_return answer(request, "later");
    });
    router.get("/stream/{number}", [begin, pause](Request& request, ResponseWriter& out) -> Deferred<> {
        begin();
        const std::string text = pattern(number_of(request), size_for("stream", number_of(request)));
        for (std::size_t at = 0; at < text.size(); at += 17) {
            co_await out.write(std::string_view(text).substr(at, 17));
            if (at % 34 == 0) co_await pause();
        }
    });
    router.get("/fails/{number}", [begin](Request&) -> Response {
        begin();
        throw Error(Errc::broken, "as it is meant to");
    });
    router.post("/echo/{number}", [begin, pause](Request& request) -> Deferred<Response> {
        begin();
        std::string body = co_await request.body();
        co_await pause();
        co_return Response::text(body);
    });
    return router;
}

Deferred<> serve_site(World& world, Reactor& reactor, Duration drain_after, Tally& tally) {
    http::ServerOptions options;
    options.idle_time = kIdleTime;
    if (world.one_in("little input may wait", 3)) options.waiting_input = 150;
    http::Server server(make_site(world, reactor, tally), options);
    auto port = co_await listen(reactor, "tcp:80", server.factory());
    if (drain_after > 0s) {
        co_await sleep(reactor, drain_after);
        port.close();
        server.drain();
        while (server.connections() > 0) co_await sleep(reactor, 50ms);
    } else {
        co_await port.closed();
    }
}

struct Asked {
    std::string_view kind;
    uint64_t number;
};

std::string request_for(const Asked& asked) {
    const std::string target =
        " /" + std::string(asked.kind) + "/" + std::to_string(asked.number) + " HTTP/1.1\r\nHost: server\r\n";
    if (asked.kind != "echo") return "GET" + target + "\r\n";
    const std::string body = pattern(asked.number, size_for("echo", asked.number));
    if (asked.number % 2 == 0)
        return "POST" + target + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    char size[20];
    std::snprintf(size, sizeof size, "%zx", body.size());
    return "POST" + target + "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n" + body + "\r\n0\r\n\r\n";
}

// A request that a partition holds up for too long is answered with 408, and nothing behind it.
void check_answer(World& world, const Asked& asked, const Answer& answer) {
    world.sometimes(answer.status == 408, "http: a request comes too slowly");
    if (answer.status == 408) return world.check(answer.closes, "a request that came too slowly is the last");
    if (asked.kind == "fails") return world.check(answer.status == 500, "a handler that throws is answered with 500");
    world.check(answer.status == 200, "a good request is answered with 200");
    world.check(answer.body == pattern(asked.number, size_for(asked.kind, asked.number)),
                "an answer is that of its request");
}

// Sends all requests, whatever answers do meanwhile, and reads answers until they are there or the connection is not.
// A client that shuts down its side behind the last request is answered, too, and then the connection ends at once.
Deferred<> ask_pipelined(World& world, Reactor& reactor, Stream& stream, const std::vector<Asked>& asked,
                         std::size_t& answered, bool& last, bool calm) {
    std::string bytes;
    for (const Asked& one : asked) bytes += request_for(one);
    const bool half_closes = world.one_in("a client ends its side", 3);
    TaskGroup group;
    group.start([&]() -> Deferred<> {
        co_await write_in_pieces(world, reactor, stream, bytes);
        if (half_closes) stream.shutdown_writing();
    });
    group.start([&]() -> Deferred<> {
        for (const Asked& one : asked) {
            const Answer answer = co_await read_answer(stream);
            check_answer(world, one, answer);
            ++answered;
            last = answer.closes;
            if (last) break;
            if (world.one_in("a reader takes its time", 8)) co_await sleep(reactor, 300ms);
        }
    });
    co_await group.join();
    if (!half_closes || !calm) co_return;
    const TimePoint before = reactor.now();
    co_await stream.read_all().as_result();
    world.check(reactor.now() - before < kIdleTime / 2, "a connection whose client has ended does not stay");
}

Deferred<> browse(World& world, Reactor& reactor, uint64_t first_number, Tally& tally) {
    for (uint64_t connection = 0; connection < 2; ++connection) {
        auto stream = co_await dial(reactor, "tcp:server:80");
        if (!stream) co_return;
        std::vector<Asked> asked;
        const uint64_t count = 1 + world.choose("requests on a connection", 12);
        asked.reserve(count);
        for (uint64_t i = 0; i < count; ++i) {
            asked.push_back(
                {kKinds[world.choose("a request of which kind", kKinds.size())], first_number + connection * 100 + i});
        }
        std::size_t answered = 0;
        bool last = false;
        const auto ended =
            co_await ask_pipelined(world, reactor, *stream, asked, answered, last, tally.calm).as_result();
        tally.answered += answered;
        world.sometimes(answered == asked.size(), "http: all pipelined requests are answered");
        world.sometimes(!ended && answered > 0, "http: a connection ends between answers");
        tally.whole += answered == asked.size();
        tally.cut += answered < asked.size() && !last;
    }
}

void pipelined(World& world) {
    Tally tally{.calm = world.network().reset == 0};
    Host& server = world.add_host("server");
    server.run([&](Reactor& reactor) { return serve_site(world, reactor, 0s, tally); });
    std::vector<Host*> clients;
    for (uint64_t i = 0; i < 1 + world.choose("clients", 3); ++i) {
        clients.push_back(&world.add_host("client" + std::to_string(i)));
        clients.back()->run([&, i](Reactor& reactor) { return browse(world, reactor, 1000 * (i + 1), tally); });
    }
    const auto all_done = [&] {
        for (const Host* client : clients) {
            if (!client->done()) return false;
        }
        return true;
    };
    world.must(all_done, "every client ends", 2h);
    if (tally.calm) world.check(tally.cut == 0, "without resets, everything is answered");
    world.finish();
}

// A graceful stop: what a client has been answered so far is whole, and the server comes to its end.
void drained(World& world) {
    Tally tally{.calm = world.network().reset == 0};
    Host& server = world.add_host("server");
    const Duration after = 10ms + 10ms * static_cast<int>(world.choose("drained after, 10 ms", 60));
    server.run([&](Reactor& reactor) { return serve_site(world, reactor, after, tally); });
    Host& client = world.add_host("client");
    client.run([&](Reactor& reactor) { return browse(world, reactor, 5000, tally); });
    world.must([&] { return server.done(); }, "a server that is drained ends", 2h);
    world.must([&] { return client.done(); }, "its client ends", 2h);
    if (tally.calm)
        world.check(tally.answered >= tally.begun, "without resets, what has begun is answered before the end");
    world.sometimes(tally.whole > 0, "http: a request is answered before the server stops");
    world.finish();
}

// A slow server, cut off and crashing: it may answer nothing, but nothing wrong, and later it serves again.
void troubled(World& world) {
    Tally tally;
    Host& server = world.add_host("server");
    Host& client = world.add_host("client");
    server.run([&](Reactor& reactor) { return serve_site(world, reactor, 0s, tally); });
    client.run([&](Reactor& reactor) { return browse(world, reactor, 9000, tally); });
    world.disturb(10s, {&server});
    world.must([&] { return client.done(); }, "the client ends", 2h);
    world.heal();
    tally.calm = true;
    const uint64_t before = tally.whole;
    client.run([&](Reactor& reactor) { return browse(world, reactor, 19000, tally); });
    world.must([&] { return client.done(); }, "the client ends in a world without faults", 2h);
    world.check(tally.whole == before + 2, "a world without faults answers everything");
    world.finish();
}

constexpr std::array<std::size_t, 6> kFileSizes{0, 1, 100, 5000, 70'000, 260'000};

const testing::TempFolder& site_folder() {
    static const testing::TempFolder folder;
    static const bool made = [] {
        for (const std::size_t size : kFileSizes) {
            const std::string name = std::to_string(size) + ".txt";
            folder.write(name, pattern(size, size));
            folder.set_modified(name, 1'400'000'000);
        }
        return true;
    }();
    (void)made;
    return folder;
}

// Without what tells one copy of the files from another.
Deferred<> serve_files(Reactor& reactor) {
    http::Router router;
    router.mount("/", http::static_files(site_folder().path(), {.cache_bytes = 100'000}));
    router.use([](const Request&, Response& response) { response.fields().remove("ETag"); });
    http::Server server(std::move(router));
    auto port = co_await listen(reactor, "tcp:80", server.factory());
    co_await port.closed();
}

Deferred<> fetch_files(World& world, Reactor& reactor) {
    auto stream = co_await dial(reactor, "tcp:server:80");
    for (int i = 0; stream && i < 6; ++i) {
        const std::size_t size = kFileSizes[world.choose("which file", kFileSizes.size())];
        const std::string whole = pattern(size, size);
        const uint64_t from = world.choose("from where", size + 2);
        const bool ranged = world.one_in("a range", 2);
        std::string request = "GET /" + std::to_string(size) + ".txt HTTP/1.1\r\nHost: server\r\n";
        if (ranged) request += "Range: bytes=" + std::to_string(from) + "-\r\n";
        request += "\r\n";
        const auto sent = co_await stream->write(request).as_result();
        auto answer = co_await read_answer(*stream).as_result();
        if (!sent || !answer) break;
        world.sometimes(answer->status == 206, "files: a part is asked for and sent");
        if (answer->status == 200) world.check(answer->body == whole, "a file is sent as it is");
        if (answer->status == 206)
            world.check(ranged && answer->body == whole.substr(from), "a range is what was asked for");
        if (answer->status == 416) world.check(ranged && from >= size, "only a range behind the end is refused");
        const bool known = answer->status == 200 || answer->status == 206 || answer->status == 416;
        world.check(known, "a file that is there is answered with 200, 206 or 416");
    }
}

void files(World& world) {
    Host& server = world.add_host("server");
    Host& client = world.add_host("client");
    server.run([](Reactor& reactor) { return serve_files(reactor); });
    client.run([&world](Reactor& reactor) { return fetch_files(world, reactor); });
    world.must([&] { return client.done(); }, "the client ends", 2h);
    world.finish();
}

}  // namespace

std::vector<sim::Scenario> http_scenarios() {
    site_folder();
    std::vector<sim::Scenario> all;
    all.push_back({"http-pipelined", pipelined});
    all.push_back({"http-drained", drained});
    all.push_back({"http-troubled", troubled});
    all.push_back({"http-files", files});
    return all;
}

}  // namespace bine::tests
