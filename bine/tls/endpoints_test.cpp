// Endpoint strings with TLS, and streams that turn to it, over sockets of this machine and of simulated worlds.
#include "bine/tls/endpoints.h"

#include <doctest/doctest.h>

#include <fstream>

#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/listen.h"
#include "bine/net/listener.h"
#include "bine/net/resolver.h"
#include "bine/sim/world.h"
#include "bine/testing/captured_logs.h"
#include "bine/testing/native_driver.h"
#include "bine/testing/scripted_peer.h"
#include "bine/testing/temp_folder.h"
#include "bine/testing/transport_contract.h"
#include "bine/tls/context.h"
#include "bine/tls/session.h"
#include "bine/tls/start_tls.h"
#include "tests/tls/authority.h"

namespace bine::tls {
namespace {

using namespace std::chrono_literals;

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// Runs `program` to its end; what it failed of, or nothing.
template <class F>
std::string outcome(Reactor& reactor, F program) {
    Deferred<> running = program();
    testing::run_until(reactor, [&] { return running.done(); });
    if (!running.done()) return "it did not end";
    const Result<> result = std::move(running).result();
    return result ? std::string() : result.error().text();
}

// A reactor of this machine, and a certificate of an authority in files.
struct Scene {
    Scene() {
        const Identity identity = authority.issue({.names = {"localhost", "IP:127.0.0.1"}});
        std::ofstream(folder.path("server.pem")) << identity.certificates_pem() << identity.key_pem();
        std::ofstream(folder.path("ca.pem")) << authority.pem();
        add_endpoints(endpoints);
    }
    std::string file(std::string_view name) { return quote_endpoint_argument(folder.path(name)); }
    std::string server() { return "ssl:0:interface=127.0.0.1:certKey=" + file("server.pem"); }
    std::string client(const Port& port, std::string_view more = {}) {
        return "tls:127.0.0.1:" + std::to_string(port.address().port()) + std::string(more);
    }

    Reactor reactor{testing::native_driver()};
    Authority authority{reactor.wall_now()};
    testing::TempFolder folder;
    Endpoints endpoints;
};

Deferred<> greet(Stream stream) {
    const auto line = co_await stream.read_line();
    co_await stream.write("hello, " + line + "\n");
}

TEST_CASE("ssl: serves and tls: connects, verified against a file") {
    const testing::CapturedLogs quiet;
    Scene scene;
    const auto program = [&]() -> Deferred<> {
        const Port port = co_await listen(scene.reactor, scene.server(), stream_factory(greet), {}, scene.endpoints);
        NewStream made;
        Factory factory = [p = std::move(made.protocol)]() mutable { return std::move(p); };
        const std::string where = scene.client(port, ":ca=" + scene.file("ca.pem"));
        co_await connect(scene.reactor, where, std::move(factory), {}, scene.endpoints);
        CHECK(session_of(*made.stream.transport())->version() == "TLSv1.3");
        co_await made.stream.write("world\n");
        const auto answer = co_await made.stream.read_line();
        CHECK(answer == "hello, world");
        const auto rest = co_await made.stream.read_all();
        CHECK(rest == "");
    };
    CHECK(outcome(scene.reactor, program) == "");
}

// Knows one address for every name.
class Fixed final : public Resolver {
    Deferred<std::vector<Address>> look_up(std::string, uint16_t port, Address::Family) override {
        return ready(std::vector<Address>{Address::loopback(port)});
    }
};

TEST_CASE("tls: hands the resolver of its Endpoints on to what is below") {
    const testing::CapturedLogs quiet;
    Scene scene;
    Fixed resolver;
    scene.endpoints.set_resolver(resolver);
    const auto program = [&]() -> Deferred<> {
        const Port port = co_await listen(scene.reactor, scene.server(), stream_factory(greet), {}, scene.endpoints);
        const std::string where = "tls:nowhere.invalid:" + std::to_string(port.address().port()) +
                                  ":name=localhost:ca=" + scene.file("ca.pem");
        NewStream made;
        Factory factory = [p = std::move(made.protocol)]() mutable { return std::move(p); };
        co_await connect(scene.reactor, where, std::move(factory), {}, scene.endpoints);
        co_await made.stream.write("world\n");
        const auto answer = co_await made.stream.read_line();
        CHECK(answer == "hello, world");
    };
    CHECK(outcome(scene.reactor, program) == "");
}

TEST_CASE("a connecter hears why a handshake failed, and nothing is left of it") {
    const testing::CapturedLogs quiet;
    Scene scene;
    const auto program = [&]() -> Deferred<> {
        const Port port = co_await listen(scene.reactor, scene.server(), stream_factory(greet), {}, scene.endpoints);
        for (const std::string& more : {std::string(), ":ca=" + scene.file("ca.pem") + ":name=else.where"}) {
            NewStream made;
            Factory factory = [p = std::move(made.protocol)]() mutable { return std::move(p); };
            const std::string where = scene.client(port, more);
            const auto connected =
                co_await connect(scene.reactor, where, std::move(factory), {}, scene.endpoints).as_result();
            REQUIRE_FALSE(connected);
            CHECK(connected.error().is(Errc::not_trusted));
            CHECK(made.stream.transport() == nullptr);
        }
    };
    CHECK(outcome(scene.reactor, program) == "");
    testing::run_until(scene.reactor, [&] { return scene.reactor.driver().open_sockets() == 0; });
    CHECK(scene.reactor.driver().open_sockets() == 0);
}

TEST_CASE("dropping the Deferred gives up, while connecting and while shaking hands") {
    const testing::CapturedLogs quiet;
    Scene scene;
    Listener silent(scene.reactor, [] { return NewStream().protocol; }, {});
    REQUIRE(silent.open(Address::loopback(0), {}));
    for (const int turns : {0, 1, 2, 3, 5, 10}) {
        NewStream made;
        Factory factory = [p = std::move(made.protocol)]() mutable { return std::move(p); };
        Deferred<> connecting = connect(scene.reactor, "tls:127.0.0.1:" + std::to_string(silent.address().port()),
                                        std::move(factory), {}, scene.endpoints);
        for (int i = 0; i < turns; ++i) scene.reactor.turn(TimePoint::min());
        CHECK_FALSE(connecting.done());
        connecting = Deferred<>();
    }
    silent.close();
    testing::run_until(scene.reactor, [&] { return scene.reactor.driver().open_sockets() == 0; });
    CHECK(scene.reactor.driver().open_sockets() == 0);
}

TEST_CASE("tls: before another endpoint takes the program's context") {
    Scene scene;
    const auto without = scene.endpoints.server("tls:tcp:0:interface=127.0.0.1");
    REQUIRE_FALSE(without);
    CHECK(has(without.error().text(), "needs a certificate"));
    const Context context = Context::server({.identities = {scene.authority.issue({.names = {"localhost"}})}}).value();
    Endpoints endpoints;
    add_endpoints(endpoints, &context);
    CHECK(endpoints.server("tls:tcp:0:interface=127.0.0.1"));
    CHECK(endpoints.server("tls:haproxy:tcp:0"));
}

TEST_CASE("what is wrong with an endpoint is said") {
    Scene scene;
    const auto refused = [&](std::string text) {
        const auto made = scene.endpoints.server(text);
        return made ? std::string() : made.error().text();
    };
    CHECK(has(refused("ssl:0"), "certKey"));
    CHECK(has(refused("ssl:0:certKey=/nowhere.pem"), "/nowhere.pem"));
    CHECK(has(refused("ssl:0:certkey=x"), "certKey"));
    CHECK_FALSE(scene.endpoints.client("tls:127.0.0.1"));
    CHECK_FALSE(scene.endpoints.client("tls:127.0.0.1:443:ca=/nowhere.pem"));
}

TEST_CASE("streams turn to TLS in the middle, in any world") {
    const testing::CapturedLogs quiet;
    for (uint64_t seed = 0; seed <= 8; ++seed) {
        CAPTURE(seed);
        sim::World world(seed, {});
        Reactor reactor(seed == 0 ? testing::native_driver() : world.make_driver());
        const Identity identity = Identity::self_signed({"mail.example"}, reactor.wall_now()).value();
        const Context server = Context::server({.identities = {identity}}).value();
        ClientOptions options;
        options.trust.ca_pem = identity.certificates_pem();
        const Context client = Context::client(options).value();
        const auto serve = [&](Stream stream) -> Deferred<> {
            const auto asked = co_await stream.read_line();
            CHECK(asked == "STARTTLS");
            co_await stream.write("go\n");
            Stream secure = co_await start_server(std::move(stream), server);
            const auto word = co_await secure.read_line();
            co_await secure.write("heard " + word + "\n");
        };
        const auto program = [&]() -> Deferred<> {
            const Port port = co_await listen(reactor, "tcp:0:interface=127.0.0.1", StreamHandler(serve));
            Stream stream = co_await connect(reactor, "tcp:127.0.0.1:" + std::to_string(port.address().port()));
            co_await stream.write("STARTTLS\n");
            const auto go = co_await stream.read_line();
            CHECK(go == "go");
            Stream secure = co_await start_client(std::move(stream), client, "mail.example");
            co_await secure.write("secret\n");
            const auto answer = co_await secure.read_line();
            CHECK(answer == "heard secret");
        };
        CHECK(outcome(reactor, program) == "");
    }
}

struct Echo final : Protocol {
    void connection_made(Transport& t) override { transport = &t; }
    void data_received(std::string_view bytes) override { transport->write(bytes); }
    Transport* transport = nullptr;
};

// What a client saw.
struct Seen {
    struct Client final : Protocol {
        explicit Client(Seen& s) : seen(s) {}
        void connection_made(Transport& t) override {
            const Session& session = *session_of(t);
            seen.alpn = session.alpn();
            seen.resumed = session.resumed();
            seen.peer = session.peer_certificate()->names();
            t.write("hello");
            transport = &t;
        }
        void data_received(std::string_view bytes) override {
            seen.received += bytes;
            transport->close();
        }
        void connection_lost(const CloseReason&) override { seen.lost = true; }
        Seen& seen;
        Transport* transport = nullptr;
    };

    std::string alpn, received;
    std::vector<std::string> peer;
    bool resumed = false;
    bool lost = false;
};

// A simulated host, with certificates in files.
struct Place {
    Place() { write("cert", root.issue({.names = {"IP:127.0.0.1", "example.org"}})); }

    void write(const std::string& name, const Identity& identity) const {
        folder.write(name + ".pem", identity.certificates_pem());
        folder.write(name + ".key", identity.key_pem());
        folder.write("ca.pem", root.pem());
    }
    std::string ssl(const std::string& name = "cert") const {
        return "ssl:0:interface=127.0.0.1:certKey=" + folder.path(name + ".pem") +
               ":privateKey=" + folder.path(name + ".key");
    }
    Port listen(const std::string& endpoint) {
        Factory echo = [] { return std::make_unique<Echo>(); };
        auto listening = bine::listen(reactor, endpoint, std::move(echo), {}, endpoints);
        testing::run_until(reactor, [&] { return listening.done(); });
        return std::move(listening).result().value();
    }
    // "" when it went well.
    std::string meet(ClientEndpoint& client, Seen& seen) {
        Factory factory = [&seen] { return std::make_unique<Seen::Client>(seen); };
        auto connecting = client.connect(reactor, std::move(factory), {});
        testing::run_until(reactor, [&] { return connecting.done(); });
        if (!connecting.done()) return "it took too long";
        const auto outcome = std::move(connecting).result();
        if (!outcome) return outcome.error().text();
        testing::run_until(reactor, [&] { return seen.lost; });
        return "";
    }
    std::string meet(const Port& port, const std::string& more, Seen& seen) {
        auto client = endpoints.client("tls:127.0.0.1:" + std::to_string(port.address().port()) + more);
        return client ? meet(**client, seen) : client.error().text();
    }
    std::string ca() const { return ":ca=" + folder.path("ca.pem"); }

    sim::World world{7, {}};
    Reactor reactor{world.make_driver()};
    const Authority root{reactor.wall_now()};
    testing::TempFolder folder;
    Endpoints endpoints;
};

TEST_CASE("an endpoint that is used again resumes its sessions") {
    Place place;
    add_endpoints(place.endpoints);
    const Port port = place.listen(place.ssl());
    const auto client = place.endpoints.client("tls:127.0.0.1:" + std::to_string(port.address().port()) + place.ca());
    Seen first, second;
    CHECK(place.meet(**client, first) == "");
    CHECK(place.meet(**client, second) == "");
    CHECK_FALSE(first.resumed);
    CHECK(second.resumed);
}

TEST_CASE("the timeout is the handshake's, too") {
    Place place;
    add_endpoints(place.endpoints);
    struct Silent final : Protocol {
        void connection_made(Transport&) override {}
        void data_received(std::string_view) override {}
    };
    Factory silent = [] { return std::make_unique<Silent>(); };
    auto listening = bine::listen(place.reactor, "tcp:0:interface=127.0.0.1", std::move(silent));
    testing::run_until(place.reactor, [&] { return listening.done(); });
    const Port port = std::move(listening).result().value();
    const TimePoint begun = place.world.now();
    Seen seen;
    CHECK(place.meet(port, place.ca() + ":timeout=3", seen) == "TLS handshake: not done within 3.0 s");
    CHECK(place.world.now() - begun < 4s);
    CHECK(place.meet(port, place.ca() + ":timeout=soon", seen).find("a number is expected") != std::string::npos);
}

TEST_CASE("the context of a ssl: endpoint can be reloaded by who asks for it") {
    Place place;
    std::vector<Context> made;
    add_endpoints(place.endpoints, nullptr, nullptr, [&](const Context& context) { made.push_back(context); });
    const Port port = place.listen(place.ssl());
    REQUIRE(made.size() == 1);
    Seen before, after;
    CHECK(place.meet(port, place.ca(), before) == "");
    place.write("cert", place.root.issue({.names = {"IP:127.0.0.1", "new.example"}}));
    CHECK(made.front().reload());
    CHECK(place.meet(port, place.ca(), after) == "");
    CHECK(before.peer.back() == "example.org");
    CHECK(after.peer.back() == "new.example");
}

}  // namespace
}  // namespace bine::tls
