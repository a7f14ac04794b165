// Connecting by SRV records and by names that a server has, over loopback.
#include "bine/names/service.h"

#include <doctest/doctest.h>

#include "bine/endpoints/listen.h"
#include "bine/names/resolver.h"
#include "bine/testing/leftovers.h"
#include "bine/testing/native_driver.h"
#include "tests/names/fake_server.h"
#include "tests/net/scene.h"

namespace bine::names {
namespace {

using namespace std::chrono_literals;
using testing::Asked;
using testing::FakeServer;
using testing::labels;
using testing::number16;
using Messages = std::vector<std::string>;

// A service with two places: the first is a port that refuses, the second one that a listener has.
struct Scene {
    Scene() {
        if (const auto opened = listener.open(Address::loopback(0), {}); !opened) throw opened.error();
        {
            Listener closed(reactor, testing::recording(seen), {});
            if (const auto opened = closed.open(Address::loopback(0), {}); !opened) throw opened.error();
            refusing = closed.address().port();
        }
        add_endpoints(endpoints, resolver);
    }

    Messages answer(const Asked& asked) {
        if (asked.type == testing::kSrv) {
            testing::MessageWriter message = asked.answer();
            std::size_t priority = 0;
            for (const uint16_t port : ports) {
                message.record(labels(asked.name), testing::kSrv, 60,
                               number16(++priority) + number16(0) + number16(port) + labels("host.example"));
            }
            return {message.message()};
        }
        if (asked.type == testing::kA && asked.name == "host.example") {
            return {asked.a(std::string("\x7f\0\0\1", 4))};
        }
        return {asked.answer(0x8183).soa(60, 60).message()};
    }
    Result<> connect(std::string_view endpoint, Factory factory) {
        auto connecting = bine::connect(reactor, endpoint, std::move(factory), ConnectionOptions(), endpoints);
        const TimePoint limit = reactor.driver().now() + 25s;
        while (!connecting.done() && reactor.driver().now() < limit) reactor.turn(reactor.driver().now() + 5ms);
        if (!connecting.done()) return fail(Errc::broken, "it never ends");
        return std::move(connecting).result();
    }
    std::string error(std::string_view endpoint) {
        const Result<> result = connect(endpoint, testing::recording(client));
        return result ? "no error" : result.error().text();
    }

    testing::Seen seen;
    testing::Seen client;
    Reactor reactor{testing::native_driver()};
    Listener listener{reactor, testing::recording(seen), {}};
    uint16_t refusing = 0;
    std::vector<uint16_t> ports;
    FakeServer server{reactor, [this](const Asked& asked) { return answer(asked); }};
    Resolver resolver{reactor, options()};
    Endpoints endpoints;

private:
    ResolverOptions options() const {
        ResolverOptions options;
        options.servers = {server.address()};
        options.hosts_file.clear();
        options.no_search = true;
        return options;
    }
};

TEST_CASE("srv: connects to the first place that answers") {
    Scene scene;
    scene.ports = {scene.refusing, scene.listener.address().port()};
    CHECK(scene.error("srv:_x._tcp.example") == "no error");
    CHECK(scene.client.transport->peer_address() == scene.listener.address());
    scene.client.transport->abort();
    CHECK(testing::run_until(scene.reactor, [&] { return scene.client.destroyed; }));
}

TEST_CASE("srv: names each place when none answers") {
    Scene scene;
    scene.ports = {scene.refusing, scene.refusing};
    const std::string port = std::to_string(scene.refusing);
    const std::string place = "host.example:" + port + ": connect to 127.0.0.1:" + port + ": Connection refused";
    CHECK(scene.error("srv:_x._tcp.example") == "connect to \"_x._tcp.example\": " + place + "; " + place);
    CHECK(scene.error("srv:not a name").find("that is no host name") != std::string::npos);
    CHECK(scene.error("srv:") == "endpoint \"srv:\": service is missing; a text is expected");
}

TEST_CASE("srv: what the factory refuses is the result") {
    Scene scene;
    scene.ports = {scene.listener.address().port(), scene.listener.address().port()};
    int asked = 0;
    const auto refused = scene.connect("srv:_x._tcp.example", [&asked]() -> std::unique_ptr<Protocol> {
        ++asked;
        return nullptr;
    });
    REQUIRE(!refused);
    CHECK(refused.error().text() == "the factory refused the connection");
    CHECK(asked == 1);
}

TEST_CASE("tcp: asks the resolver, for both families") {
    Scene scene;
    CHECK(scene.error("tcp:host.example:" + std::to_string(scene.listener.address().port())) == "no error");
    CHECK(scene.server.count("host.example") == 2);
    scene.client.transport->abort();
    CHECK(testing::run_until(scene.reactor, [&] { return scene.client.destroyed; }));
    const std::string missing = scene.error("tcp:nowhere.example:80");
    CHECK(missing.starts_with("connect to \"nowhere.example\": look up "));
    CHECK(missing.find("AAAA of \"nowhere.example\": there is no such name (NXDOMAIN)") != std::string::npos);
}

}  // namespace
}  // namespace bine::names
