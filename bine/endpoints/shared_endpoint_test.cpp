#include "bine/endpoints/shared_endpoint.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "bine/driver/socket.h"
#include "bine/endpoints/listen.h"
#include "tests/net/scene.h"

namespace bine::testing {
namespace {

// Several reactors, turned by turns in one thread, that serve what they accept with their number.
struct Shift {
    explicit Shift(std::size_t count) : reactors(count), served(count) {
        for (auto& reactor : reactors) reactor = std::make_unique<Reactor>(native_driver());
    }

    Result<> open(const std::string& text) {
        auto opened = SharedEndpoint::open(text, reactors.size(), endpoints);
        if (!opened) return fail(opened.error());
        endpoint = std::make_unique<SharedEndpoint>(std::move(*opened));
        for (std::size_t i = 0; i < endpoint->reactors(); ++i) {
            auto port = endpoint->listen(i, *reactors[i], stream_factory([this, i](Stream stream) -> Deferred<> {
                                             ++served[i];
                                             co_await stream.write(std::to_string(i));
                                         }));
            REQUIRE(port.done());
            auto result = std::move(port).result();
            if (!result) return fail(result.error());
            ports.push_back(std::move(*result));
        }
        return {};
    }
    // Turns all of them, and the clients'.
    bool until(Function<bool()> holds) {
        const TimePoint limit = clients.driver().now() + std::chrono::seconds(20);
        while (!holds() && clients.driver().now() < limit) {
            for (auto& reactor : reactors) reactor->turn(TimePoint::min());
            clients.turn(clients.driver().now() + std::chrono::milliseconds(1));
        }
        return holds();
    }
    // Connects `count` clients and waits until each is served.
    std::size_t serve(const std::string& client, std::size_t count) {
        std::size_t answers = 0;
        for (std::size_t i = 0; i < count; ++i) ask(clients, client, answers).detach();
        until([&] { return answers == count; });
        return answers;
    }
    static Deferred<> ask(Reactor& reactor, const std::string& client, std::size_t& answers) {
        Stream stream = co_await connect(reactor, client);
        const std::string answer = co_await stream.read_all();
        if (answer.size() == 1) ++answers;
    }

    Endpoints endpoints;
    std::unique_ptr<SharedEndpoint> endpoint;  // outlives the ports
    Reactor clients{native_driver()};
    std::vector<std::unique_ptr<Reactor>> reactors;
    std::vector<Port> ports;
    std::vector<std::size_t> served;
};

TEST_CASE("reactors at a TCP port share it, port 0 too, and the system gives to each") {
    Shift shift(3);
    REQUIRE(shift.open("tcp:0:interface=127.0.0.1"));
    REQUIRE(shift.ports.size() == 3);
    const uint16_t port = shift.ports[0].address().port();
    CHECK(port != 0);
    for (const Port& one : shift.ports) CHECK(one.address().port() == port);
    CHECK(shift.serve("tcp:127.0.0.1:" + std::to_string(port), 200) == 200);
    // Of 200 connections that are dealt out by a hash none gets to one of three once in 10^35 runs.
    for (const std::size_t served : shift.served) CHECK(served > 0);
}

TEST_CASE("a TCP port that another program has is refused, shared by that one or not") {
    Shift first(2);
    REQUIRE(first.open("tcp:0:interface=127.0.0.1"));
    const std::string taken = "tcp:" + std::to_string(first.ports[0].address().port()) + ":interface=127.0.0.1";
    Shift second(2);
    const auto refused = second.open(taken);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is_errno(EADDRINUSE));
    Shift willing(2);
    CHECK(willing.open(taken + ":reuseport=yes"));
}

TEST_CASE("reactors at a Unix socket share it, and its path goes with the first port that closes") {
    const TempFolder folder;
    const std::string path = folder.path("socket");
    struct stat found{};
    Shift shift(2);
    REQUIRE(shift.open("unix:" + path + ":mode=600"));
    REQUIRE(::stat(path.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
    CHECK(shift.serve("unix:" + path, 10) == 10);
    shift.ports[0].close();
    CHECK(::stat(path.c_str(), &found) != 0);
    // Whoever listens there next keeps it.
    Shift next(2);
    REQUIRE(next.open("unix:" + path));
    shift.ports[1].close();
    CHECK(::stat(path.c_str(), &found) == 0);
}

TEST_CASE("a path that was made and never served is removed") {
    const TempFolder folder;
    const std::string path = folder.path("socket");
    struct stat found{};
    Endpoints endpoints;
    {
        const auto shared = SharedEndpoint::open("unix:" + path, 2, endpoints);
        REQUIRE(shared);
        CHECK(::stat(path.c_str(), &found) == 0);
    }
    CHECK(::stat(path.c_str(), &found) != 0);
}

TEST_CASE("reactors share an inherited socket; when one closes the others go on") {
    const auto inherited = socket::listen(Address::loopback(0), {});
    REQUIRE(inherited);
    const std::string client = "tcp:" + socket::local_address(inherited->get()).to_string();
    Shift shift(2);
    REQUIRE(shift.open("fd:" + std::to_string(inherited->get())));
    REQUIRE(shift.ports.size() == 2);
    CHECK(shift.serve(client, 4) == 4);
    shift.ports[0].close();
    const std::size_t before = shift.served[1];
    CHECK(shift.serve(client, 3) == 3);
    CHECK(shift.served[1] == before + 3);
}

TEST_CASE("behind a proxy each reactor reads the header") {
    Shift shift(2);
    REQUIRE(shift.open("haproxy:tcp:0:interface=127.0.0.1"));
    REQUIRE(shift.ports.size() == 2);
    for (std::size_t i = 0; i < 20; ++i) {
        auto connecting = connect(shift.clients, "tcp:" + shift.ports[0].address().to_string());
        REQUIRE(shift.until([&] { return connecting.done(); }));
        auto stream = std::move(connecting).result();
        REQUIRE(stream);
        stream->transport()->write("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n");
        auto answer = stream->read_all();
        REQUIRE(shift.until([&] { return answer.done(); }));
        CHECK(std::move(answer).result().value_or("").size() == 1);
    }
    CHECK(shift.served[0] + shift.served[1] == 20);
}

TEST_CASE("standard input is the first reactor's alone") {
    Endpoints endpoints;
    auto shared = SharedEndpoint::open("stdio:", 3, endpoints);
    REQUIRE(shared);
    CHECK(shared->reactors() == 1);
    Reactor second{native_driver()};
    Seen seen;
    auto port = shared->listen(1, second, recording(seen));
    REQUIRE(port.done());
    CHECK(std::move(port).result().error().is(Errc::unsupported));
}

TEST_CASE("what listen refuses is refused at once") {
    Endpoints endpoints;
    const auto error_of = [&](const char* text) {
        const auto shared = SharedEndpoint::open(text, 2, endpoints);
        return shared ? std::string() : shared.error().text();
    };
    CHECK(error_of("nonsense:80").find("nobody knows") != std::string::npos);
    CHECK(error_of("tcp:0:interface=192.0.2.1").find("listen on 192.0.2.1:0") != std::string::npos);
    CHECK(error_of("fd:987654").find("descriptor 987654") != std::string::npos);
    CHECK(error_of("fd:2").find("no listening socket") != std::string::npos);
}

}  // namespace
}  // namespace bine::testing
