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

}  // namespace
}  // namespace bine::tls
