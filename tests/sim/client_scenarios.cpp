// The HTTP client: whatever the network and the servers do, an answer is that of its request and whole, or there is an error;
// what must not be asked twice is not; and nothing is left over.
#include <array>
#include <map>
#include <memory>
#include <utility>

#include "bine/async/sleep.h"
#include "bine/async/task_group.h"
#include "bine/client/client.h"
#include "bine/http/router.h"
#include "bine/http/server.h"
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

constexpr std::array<std::string_view, 6> kKinds{"plain", "big", "stream", "moved", "echo", "upload"};

std::size_t size_for(std::string_view kind, uint64_t number) {
    return kind == "big" || kind == "upload" ? 3000 + number * 7919 % 200'000 : 20 + number % 80;
}

std::string text_for(std::string_view kind, uint64_t number) { return pattern(number, size_for(kind, number)); }

uint64_t number_of(const Request& request) {
    return std::strtoull(std::string(request.param("number")).c_str(), nullptr, 10);
}

// What both sides know of the requests.
struct Book {
    std::map<uint64_t, int> posted;  // how often each POST was served
    uint64_t asked = 0;
    uint64_t answered = 0;
    uint64_t failed = 0;       // in all
    uint64_t failed_gets = 0;  // of those that may be asked twice
    uint64_t dropped = 0;
};

bool is_calm(const World& world) {
    const sim::NetworkOptions& network = world.network();
    return network.reset == 0 && network.refusal == 0 && network.accept_failure == 0 && network.lookup_failure == 0;
}

http::Router make_site(World& world, Reactor& reactor, Book& book) {
    http::Router router;
    const auto pause = [&world, &reactor] {
        return sleep(reactor, 1ms * static_cast<int>(world.choose("a handler takes, ms", 100)));
    };
    router.get("/plain/{number}",
               [](Request& request) { return Response::text(text_for("plain", number_of(request))); });
    router.get("/big/{number}", [](Request& request) { return Response::text(text_for("big", number_of(request))); });
    router.get("/stream/{number}", [pause](Request& request, ResponseWriter& out) -> Deferred<> {
        const std::string text = text_for("stream", number_of(request));
        for (std::size_t at = 0; at < text.size(); at += 17) {
            co_await out.write(std::string_view(text).substr(at, 17));
            if (at % 34 == 0) co_await pause();
        }
    });
    router.get("/moved/{number}", [&world](Request& request) {
        const std::string to = "/plain/" + std::to_string(number_of(request));
        const bool elsewhere = world.one_in("a redirect leads to another host", 2);
        return Response::redirect(elsewhere ? "http://b" + to : to, 307);
    });
    const auto echo = [&world, &book, pause](Request& request) -> Deferred<Response> {
        const uint64_t number = number_of(request);
        world.check(++book.posted[number] == 1, "a POST is served once");
        std::string body = co_await request.body();
        co_await pause();
        co_return Response::text(body);
    };
    router.post("/echo/{number}", echo);
    router.post("/upload/{number}", echo);
    return router;
}

// Ends connections early and often.
Deferred<> serve_site(World& world, Reactor& reactor, Book& book) {
    http::ServerOptions options;
    options.idle_time = 1s + 1s * static_cast<int>(world.choose("a server's patience, s", 10));
    if (world.one_in("few requests on a connection", 2))
        options.requests = 1 + static_cast<uint32_t>(world.choose("how many", 5));
    http::Server server(make_site(world, reactor, book), options);
    auto port = co_await listen(reactor, "tcp:80", server.factory());
    co_await port.closed();
}

http::ClientRequest request_for(World& world, Reactor& reactor, std::string_view kind, uint64_t number) {
    const bool posts = kind == "echo" || kind == "upload";
    const char* const host = world.one_in("the other host", 3) ? "b" : "a";
    http::ClientRequest request(posts ? "POST" : "GET",
                                "http://" + std::string(host) + "/" + std::string(kind) + "/" + std::to_string(number));
    if (kind == "echo") request.body(text_for(kind, number));
    if (kind == "upload") {
        const auto produce = [&world, &reactor, text = text_for(kind, number)](http::RequestWriter& out) -> Deferred<> {
            for (std::string_view left = text; !left.empty();
                 left.remove_prefix(std::min<std::size_t>(left.size(), 9000))) {
                co_await out.write(left.substr(0, 9000));
                if (world.one_in("a producer takes its time", 8)) co_await sleep(reactor, 20ms);
            }
        };
        std::optional<uint64_t> length;
        if (world.one_in("an upload says its length", 2)) length = size_for(kind, number);
        request.stream(produce, length);
    }
    if (posts && world.one_in("a server is asked for the body", 4)) request.expect_continue();
    return request;
}

Deferred<std::string> read_slowly(World& world, Reactor& reactor, http::ClientResponse& response) {
    std::string all;
    while (true) {
        const std::string piece = co_await response.read();
        if (piece.empty()) co_return all;
        all += piece;
        if (world.one_in("a reader takes its time", 6)) co_await sleep(reactor, 50ms);
        if (world.one_in("a reader turns its reactor", 10)) reactor.turn(TimePoint::min());
    }
}

Deferred<> ask(World& world, Reactor& reactor, http::Client& client, uint64_t number, Book& book) {
    const std::string_view kind = kKinds[world.choose("a request of which kind", kKinds.size())];
    http::ClientRequest request = request_for(world, reactor, kind, number);
    ++book.asked;
    const bool gets = request.is_idempotent();
    auto response = co_await client.send(std::move(request)).as_result();
    if (!response) {
        ++book.failed;
        book.failed_gets += gets;
        world.sometimes(true, "client: a request fails before its answer");
        co_return;
    }
    if (response->status() == 408) {  // an upload that the network held up
        ++book.failed;
        co_return;
    }
    world.check(response->status() == 200, "a good request is answered with 200");
    const auto body = co_await read_slowly(world, reactor, *response).as_result();
    if (!body) {
        ++book.failed;
        book.failed_gets += gets;
        world.sometimes(true, "client: a body breaks off");
        co_return;
    }
    const std::string_view of = kind == "moved" ? "plain" : kind;
    world.check(*body == text_for(of, number), "an answer is that of its request, and whole");
    world.check((kind == "moved") == (response->history().size() == 1), "a redirect is followed once");
    ++book.answered;
}

// Asks one thing after the other; some are dropped on the way.
Deferred<> browse(World& world, Reactor& reactor, http::Client& client, uint64_t first, Book& book) {
    const uint64_t count = 1 + world.choose("requests of a reader", 8);
    for (uint64_t i = 0; i < count; ++i) {
        Deferred<> asking = ask(world, reactor, client, first + i, book);
        if (world.one_in("a request is dropped", 5)) {
            const Duration patience = 1ms * static_cast<int>(world.choose("after, ms", 100));
            co_await sleep(reactor, patience);
            if (!asking.done()) ++book.dropped;
            asking = {};
        } else {
            co_await std::move(asking);
        }
        if (world.one_in("a reader thinks", 4)) {
            const Duration thought = 100ms * static_cast<int>(world.choose("for, 100 ms", 60));
            co_await sleep(reactor, thought);
        }
    }
}

Deferred<> browse_together(World& world, Reactor& reactor, Book& book, uint64_t first) {
    http::ClientOptions options;
    options.connections = 1 + static_cast<uint32_t>(world.choose("connections in all", 6));
    options.connections_per_host = 1 + static_cast<uint32_t>(world.choose("connections to a host", 4));
    options.idle_time = 1s + 1s * static_cast<int>(world.choose("a client's patience, s", 10));
    options.head_time = 60s;
    options.read_time = 60s;
    http::Client client(reactor, options);
    TaskGroup group;
    const uint64_t readers = 1 + world.choose("readers", 5);
    for (uint64_t i = 0; i < readers; ++i) {
        group.start([&, i] { return browse(world, reactor, client, first + 100 * i, book); });
    }
    co_await group.join();
    world.check(client.connections() <= options.connections, "there are no more connections than allowed");
    world.sometimes(client.idle_connections() > 0, "client: a connection is kept");
}

struct Scene {
    explicit Scene(World& w) : world(w) {
        for (const char* name : {"a", "b"}) {
            servers.push_back(&world.add_host(name));
            servers.back()->run([this](Reactor& reactor) { return serve_site(world, reactor, book); });
        }
        client = &world.add_host("client");
    }
    void browse(uint64_t first) {
        client->run([this, first](Reactor& reactor) { return browse_together(world, reactor, book, first); });
        world.must([this] { return client->done(); }, "the client ends", 2h);
    }
    World& world;
    Book book;
    std::vector<Host*> servers;
    Host* client = nullptr;
};

// A POST may meet a connection that its server has just ended, which is no reason to ask twice.
void shared(World& world) {
    Scene scene(world);
    scene.browse(1000);
    if (is_calm(world)) world.check(scene.book.failed_gets == 0, "without faults, what may be asked twice is answered");
    world.sometimes(scene.book.dropped > 0, "client: a request is dropped on its way");
    world.sometimes(scene.book.failed == 0 && scene.book.answered > 10, "client: many requests, and all are answered");
    world.finish();
}

void troubled(World& world) {
    Scene scene(world);
    scene.world.disturb(10s, scene.servers);
    scene.browse(1000);
    world.heal();
    const uint64_t before = scene.book.answered;
    scene.browse(5000);
    world.sometimes(scene.book.answered > before, "client: after the trouble, it is answered again");
    world.finish();
}

}  // namespace

std::vector<sim::Scenario> client_scenarios() {
    std::vector<sim::Scenario> all;
    all.push_back({"client-shared", shared});
    all.push_back({"client-troubled", troubled});
    return all;
}

}  // namespace bine::tests
