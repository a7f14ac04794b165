// What a program sees of a kernel that has nothing left: an error that says so, and all else goes on.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <string_view>
#include <utility>

#include "bine/testing/faulty_system.h"
#include "tests/net/scene.h"

namespace bine::testing {
namespace {

constexpr uint64_t kSeeds = 20;
constexpr std::size_t kEnough = 100'000;

// A client says something and is answered, again and again, until it has heard enough or somebody's connection is lost.
struct Talk : Scene {
    explicit Talk(std::unique_ptr<Driver> driver) : Scene(Address::loopback(0), std::move(driver)) {
        server.on_event = [this](char event) {
            if (event == 'd') server.transport->write(std::exchange(server.received, {}));
        };
        client.on_event = [this](char event) {
            if (event == 'm' || event == 'd') client.transport->write("over and over, ");
        };
        start_client(client);
    }
    bool heard_enough() const { return client.received.size() > kEnough; }
    bool is_over() const { return heard_enough() || (client.lost && (server.lost || !server.has('m'))); }
};

bool ended_by(const Seen& seen, std::initializer_list<int> errors, std::string_view what) {
    if (!seen.lost || !seen.lost->error()) return false;
    const Error& error = *seen.lost->error();
    return error.text().starts_with(what) &&
           std::any_of(errors.begin(), errors.end(), [&](int number) { return error.is_errno(number); });
}

TEST_CASE("no memory to send or receive ends that connection with an error that says so") {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
        CAPTURE(seed);
        FaultySystem system(seed);
        system.set_rate(Fault::no_memory, 0.02);
        Talk talk(native_driver(system));
        REQUIRE(talk.until([&] { return talk.is_over(); }));
        REQUIRE_FALSE(talk.heard_enough());
        const bool told = ended_by(talk.client, {ENOMEM, ENOBUFS}, "receive from 127.0.0.1:") ||
                          ended_by(talk.client, {ENOMEM, ENOBUFS}, "send to 127.0.0.1:") ||
                          ended_by(talk.server, {ENOMEM, ENOBUFS}, "receive from 127.0.0.1:") ||
                          ended_by(talk.server, {ENOMEM, ENOBUFS}, "send to 127.0.0.1:");
        CHECK(told);
    }
}

TEST_CASE("a socket that cannot be watched ends with an error that says so") {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
        CAPTURE(seed);
        FaultySystem system(seed);
        system.set_rate(Fault::not_watched, 0.25);
        Talk talk(make_epoll_driver("a test asked for it", system));
        REQUIRE(talk.until([&] { return talk.is_over(); }));
        const bool told = ended_by(talk.client, {ENOMEM, ENOSPC}, "watch the socket of 127.0.0.1:") ||
                          ended_by(talk.server, {ENOMEM, ENOSPC}, "watch the socket of 127.0.0.1:");
        CHECK(told != talk.heard_enough());
    }
}

TEST_CASE("a listener that finds no descriptor pauses and goes on, and one line says so") {
    constexpr int kConnections = 20;
    const CapturedLogs logs;
    FaultySystem system(1);
    std::deque<Seen> clients;
    Scene scene(Address::loopback(0), native_driver(system));
    for (int i = 0; i < kConnections; ++i) scene.start_client(clients.emplace_back());
    system.set_rate(Fault::no_descriptor, 0.25);
    CHECK(scene.until([&] { return scene.listener.connections() == kConnections; }));
    CHECK(system.count(Fault::no_descriptor) > 1);
    CHECK(logs.count("cannot accept connections for now; they wait in the backlog") == 1);
}

TEST_CASE("a connection for which there is no descriptor fails with an error that says so") {
    FaultySystem system(1);
    Seen client;
    Scene scene(Address::loopback(0), native_driver(system));
    system.set_rate(Fault::no_descriptor, 0.25);
    while (system.count(Fault::no_descriptor) == 0) {
        const auto made =
            Connection::connect(scene.reactor, scene.listener.address(), {}, recording(client), nullptr, {});
        if (made) continue;
        CHECK(made.error().text().starts_with("connect to 127.0.0.1:"));
        CHECK((made.error().is_errno(EMFILE) || made.error().is_errno(ENFILE) || made.error().is_errno(ENOMEM)));
    }
}

}  // namespace
}  // namespace bine::testing
