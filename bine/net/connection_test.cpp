// What the transport contract (bine/testing/transport_contract.h) does not ask: how real sockets behave in trouble.
#include "bine/net/connection.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <stdexcept>

#include "bine/sim/world.h"
#include "bine/testing/expect.h"
#include "tests/net/scene.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;
using Kind = CloseReason::Kind;

struct Alarm final : Timer {
    Alarm(Reactor& reactor, Duration after, Function<void()> f) : function(std::move(f)) {
        reactor.timers().arm(*this, reactor.now() + after);
    }
    void expired() override { function(); }
    Function<void()> function;
};

std::vector<Address> places() { return {Address::loopback(0), abstract_address()}; }

// Makes every callback come: bytes, pauses, a descriptor where there may be one, the end.
void provoke_everything(Scene& scene, bool descriptors) {
    scene.server.keep_open = true;
    scene.start_client(scene.client);
    scene.until([&] { return scene.client.transport || scene.client.lost; });
    if (scene.client.transport) {
        Output output;
        if (descriptors) output.append(Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
        output.append("bytes");
        scene.client.transport->write(std::move(output));
        scene.client.transport->pause_reading();
    }
    scene.until([&] { return scene.server.has('d') || scene.server.lost; });
    if (scene.server.transport && !scene.server.transport->is_closing()) {
        scene.server.transport->write(pattern(24 << 20));
        scene.until([&] { return scene.server.has('p') || scene.server.lost; });
    }
    scene.settle();
    if (scene.client.transport) scene.client.transport->resume_reading();
    scene.until([&] { return scene.server.has('r') || scene.server.lost; });
    if (scene.client.transport) scene.client.transport->shutdown_writing();
    scene.until([&] { return scene.server.has('e') || scene.server.lost; });
}

TEST_CASE("an exception out of any callback aborts its connection, with that reason, and no other") {
    const CapturedLogs logs;
    for (const Address& place : places()) {
        const bool descriptors = !place.is_ip();
        for (const char callback : std::string(descriptors ? "mfdpre" : "mdpre")) {
            CAPTURE(callback);
            Scene scene(place);
            Seen bystander;
            scene.server.on_event = [&](char event) {
                if (event == callback) throw std::runtime_error("thrown by a test");
            };
            Seen other;
            Listener quiet(scene.reactor, recording(other), {});
            REQUIRE(quiet.open(Address::loopback(0), {}));
            REQUIRE(Connection::connect(scene.reactor, quiet.address(), {}, recording(bystander), nullptr, {}));
            REQUIRE(scene.until([&] { return bystander.transport && other.transport; }));
            provoke_everything(scene, descriptors);
            REQUIRE(scene.until([&] { return scene.server.destroyed; }));
            REQUIRE(scene.server.lost);
            CHECK(scene.server.events.find('l') == scene.server.events.size() - 1);
            CHECK(scene.server.events[scene.server.events.size() - 2] == callback);
            CHECK(scene.server.lost->kind() == Kind::aborted);
            CHECK(scene.server.lost->to_string().find("thrown by a test") != std::string::npos);
            other.transport->write("alive");
            CHECK(scene.until([&] { return bystander.received == "alive"; }));
        }
    }
    CHECK(logs.count("a protocol's callback threw; its connection is aborted") == 11);
}

TEST_CASE("closing or aborting inside any callback makes it the last but connection_lost") {
    for (const Address& place : places()) {
        const bool descriptors = !place.is_ip();
        for (const bool abort : {false, true}) {
            for (const char callback : std::string(descriptors ? "mfdpre" : "mdpre")) {
                CAPTURE(callback);
                CAPTURE(abort);
                Scene scene(place);
                scene.server.on_event = [&](char event) {
                    if (event != callback) return;
                    abort ? scene.server.transport->abort() : scene.server.transport->close();
                };
                provoke_everything(scene, descriptors);
                REQUIRE(scene.until([&] { return scene.server.destroyed; }));
                CHECK(scene.server.events.find('l') == scene.server.events.size() - 1);
                CHECK(scene.server.events[scene.server.events.size() - 2] == callback);
                const Kind closed = callback == 'e' ? Kind::closed_there : Kind::closed_here;
                if (abort) CHECK(scene.server.lost->kind() == Kind::aborted);
                if (!abort && callback != 'p') CHECK(scene.server.lost->kind() == closed);
            }
        }
    }
}

TEST_CASE("who sees that writing is paused is told when it is over, however soon that is") {
    for (const Address& place : places()) {
        Scene scene(place);
        scene.connect();
        bool paused = false;
        // From a timer, so that the same turn sends it all.
        Alarm alarm(scene.reactor, 1ms, [&] {
            scene.client.transport->set_write_limits(100, 10);
            scene.client.transport->write(std::string(1000, 'x'));
            paused = scene.client.transport->writing_is_paused();
        });
        REQUIRE(scene.until([&] { return scene.server.received.size() == 1000; }));
        CHECK(paused);
        CHECK(scene.client.events == "mpr");
        CHECK(!scene.client.transport->writing_is_paused());
    }
}

TEST_CASE("flush() hands over at once what is queued, and limits hold at once for what is not") {
    for (const Address& place : places()) {
        Scene scene(place);
        scene.connect();
        Transport& transport = *scene.client.transport;
        transport.write("now");
        CHECK(transport.queued() == 3);
        transport.flush();
        CHECK(transport.queued() == 0);
        transport.write("later");
        CHECK(!transport.writing_is_paused());
        transport.set_write_limits(2, 0);
        CHECK(transport.writing_is_paused());
        CHECK(scene.until([&] { return scene.client.events == "mpr" && scene.server.received == "nowlater"; }));
    }
}

TEST_CASE("a low mark above the high one cannot hold a writer for ever") {
    Scene scene;
    scene.connect();
    scene.client.transport->set_write_limits(100, 100'000);
    scene.client.transport->write(std::string(1000, 'x'));
    REQUIRE(scene.client.transport->writing_is_paused());
    CHECK(scene.until([&] { return scene.client.events == "mpr"; }));
}

TEST_CASE("the next protocol hears of a pause and of an end that came before it") {
    for (const Address& place : places()) {
        Scene scene(place);
        Seen next;
        next.keep_open = true;
        scene.server.keep_open = true;
        scene.connect();
        scene.client.transport->pause_reading();
        scene.server.transport->write(pattern(24 << 20));
        scene.client.transport->shutdown_writing();
        REQUIRE(scene.until([&] { return scene.server.has('p') && scene.server.has('e'); }));
        scene.server.transport->replace_protocol(std::make_unique<Recording>(next), "rest");
        CHECK(next.events == "mde");
        CHECK(next.received == "rest");
        REQUIRE(scene.until([&] { return next.has('p'); }));
        CHECK(scene.server.destroyed);
        scene.client.transport->resume_reading();
        REQUIRE(scene.until([&] { return next.has('r'); }));
        next.transport->close();
        REQUIRE(scene.until([&] { return next.destroyed && scene.client.destroyed; }));
        CHECK(next.events == "mdeprl");
        CHECK(!scene.server.has('l'));
    }
}

TEST_CASE("a protocol that comes too late is destroyed unheard") {
    Scene scene;
    Seen late;
    scene.server.on_event = [&](char event) {
        if (event == 'l') scene.server.transport->replace_protocol(std::make_unique<Recording>(late), "rest");
    };
    scene.connect();
    scene.client.transport->close();
    REQUIRE(scene.until_lost());
    CHECK(late.events.empty());
    CHECK(late.destroyed);
}

TEST_CASE("descriptors travel over Unix sockets, each with the byte behind it") {
    Scene scene(abstract_address());
    scene.connect();
    const TempFolder folder;
    folder.write("file", "content");
    constexpr int kCount = 300;  // more than one message can carry
    Output output;
    output.append("before");
    for (int i = 0; i < kCount; ++i)
        output.append(Descriptor(::open(folder.path("file").c_str(), O_RDONLY | O_CLOEXEC)));
    output.append("after");
    scene.client.transport->write(std::move(output));
    scene.client.transport->write(std::string(300'000, 'x'));
    REQUIRE(scene.until([&] { return scene.server.received.size() == 11 + 300'000; }));
    REQUIRE(scene.server.descriptors.size() == kCount);
    struct stat found{}, wanted{};
    ::stat(folder.path("file").c_str(), &wanted);
    for (const Descriptor& descriptor : scene.server.descriptors) {
        REQUIRE(::fstat(descriptor.get(), &found) == 0);
        CHECK(found.st_ino == wanted.st_ino);
        CHECK((::fcntl(descriptor.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
}

TEST_CASE("a descriptor waits for a byte, and a large write does not overtake it") {
    Scene scene(abstract_address());
    scene.connect();
    Output output;
    output.append(Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
    scene.client.transport->write(std::move(output));
    scene.settle();
    CHECK(scene.server.events == "m");
    scene.client.transport->write(std::string(50'000, 'x'));
    REQUIRE(scene.until([&] { return scene.server.received.size() == 50'000; }));
    CHECK(scene.server.story() == "mfd");
}

TEST_CASE("a descriptor over TCP ends the connection, in clear words") {
    Scene scene;
    scene.connect();
    Output output;
    output.append("text");
    output.append(Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
    output.append("more");
    scene.client.transport->write(std::move(output));
    REQUIRE(scene.until([&] { return scene.client.destroyed; }));
    REQUIRE(scene.client.lost->error());
    CHECK(scene.client.lost->error()->is(Errc::unsupported));
    CHECK(scene.client.lost->to_string().find("only Unix sockets can do that") != std::string::npos);
}

TEST_CASE("a file that has become shorter ends the connection, and what was there has arrived") {
    Scene scene;
    scene.connect();
    const TempFolder folder;
    folder.write("file", std::string(1000, 'x'));
    Output output;
    output.append(Output::FileRange{
        Ref<SharedFile>(new SharedFile(Descriptor(::open(folder.path("file").c_str(), O_RDONLY | O_CLOEXEC)))), 0,
        5000});
    scene.client.transport->write(std::move(output));
    REQUIRE(scene.until_lost());
    CHECK(scene.client.lost->kind() == Kind::failed);
    CHECK(scene.client.lost->error()->is(Errc::local_protocol));
    CHECK(scene.client.lost->to_string() == "send a file: it has become shorter");
    CHECK(!scene.server.lost->clean());
}

TEST_CASE("a reset is a failure, with the system's code") {
    Scene scene;
    scene.connect();
    scene.client.transport->abort();
    REQUIRE(scene.until_lost());
    CHECK(scene.client.lost->kind() == Kind::aborted);
    CHECK(scene.client.lost->error() == nullptr);
    CHECK(scene.server.lost->kind() == Kind::failed);
    CHECK(scene.server.lost->error()->is_errno(ECONNRESET));
}

TEST_CASE("the end of a reactor loses every connection, in all states") {
    Seen paused_client, connecting;
    auto scene = std::make_unique<Scene>();
    Seen server, client;
    scene->connect();
    scene->client.transport->pause_reading();
    scene->server.transport->write(pattern(24 << 20));
    scene->server.transport->close();
    scene->start_client(connecting);
    int done = 0;
    REQUIRE(Connection::connect(scene->reactor, scene->listener.address(), {}, recording(paused_client),
                                [&](const Error* error) { done += error ? 1 : 100; }, {}));
    const ConnectionRef ref = scene->client.transport->ref();
    scene->client.on_event = [&, seen = &scene->client](char event) {
        if (event != 'l') return;
        client.events = "lost";
        seen->transport->write("ghost");
    };
    scene->server.on_event = [&, seen = &scene->server](char event) {
        if (event == 'l') server.events = seen->lost->to_string();
    };
    // The members of a scene go in the right order: listener, then reactor, then what was seen.
    scene.reset();
    CHECK(client.events == "lost");
    CHECK(server.events == "aborted");
    CHECK(!ref);
    CHECK(connecting.events.empty());
    CHECK(paused_client.events.empty());
    CHECK(done == 1);
}

TEST_CASE("connecting fails, is refused by its factory, or is given up: done is called once, or never") {
    const CapturedLogs quiet;
    Scene scene;
    Seen seen;
    std::string errors;
    const auto note = [&](const Error* error) { errors += error ? error->text() + "; " : "none; "; };
    Address nobody;
    {
        Listener gone(scene.reactor, recording(seen), {});
        REQUIRE(gone.open(Address::loopback(0), {}));
        nobody = gone.address();
    }
    REQUIRE(Connection::connect(scene.reactor, nobody, {}, recording(seen), note, {}));
    REQUIRE(scene.until([&] { return !errors.empty(); }));
    CHECK(errors == "connect to " + nobody.to_string() + ": Connection refused; ");

    errors.clear();
    REQUIRE(Connection::connect(scene.reactor, scene.listener.address(), {}, [] { return nullptr; }, note, {}));
    REQUIRE(scene.until([&] { return !errors.empty() && scene.server.lost; }));
    CHECK(errors == "the factory refused the connection; ");

    errors.clear();
    const auto thrower = []() -> std::unique_ptr<Protocol> { throw std::runtime_error("no protocol today"); };
    REQUIRE(Connection::connect(scene.reactor, scene.listener.address(), {}, thrower, note, {}));
    REQUIRE(scene.until([&] { return !errors.empty(); }));
    CHECK(errors == "no protocol today; ");

    errors.clear();
    const auto given_up = Connection::connect(scene.reactor, scene.listener.address(), {}, recording(seen), note, {});
    REQUIRE(given_up);
    (*given_up)->cancel_connect();
    scene.settle();
    CHECK(errors.empty());
    CHECK(seen.events.empty());
    CHECK(!Connection::connect(scene.reactor, Address(), {}, recording(seen), note, {}));
}

// Virtual time: a connection with a limit of 10 s on one side.
struct IdleScene {
    IdleScene() : scene(world.make_driver(), idle_server()) { scene.connect(); }
    static ListenerOptions idle_server() {
        ListenerOptions options;
        options.connection.idle_timeout = 10s;
        return options;
    }
    // How long it takes until the server is lost.
    Duration until_server_lost() {
        const TimePoint begun = world.now();
        CHECK(scene.until([&] { return scene.server.lost.has_value(); }));
        return world.now() - begun;
    }
    void pass(Duration time) { testing::settle(scene.reactor, time); }

    sim::World world{7, {.fragment = false}};
    Scene scene;
};

TEST_CASE("a connection on which nothing moves is aborted with timed_out") {
    IdleScene idle;
    const Duration took = idle.until_server_lost();
    CHECK(took > 9900ms);
    CHECK(took < 10100ms);
    CHECK(idle.scene.server.lost->kind() == Kind::aborted);
    CHECK(idle.scene.server.lost->error()->is(Errc::timed_out));
}

TEST_CASE("bytes of either direction put the idle time off") {
    IdleScene idle;
    for (int i = 0; i < 5; ++i) {
        idle.pass(6s);
        REQUIRE(!idle.scene.server.lost);
        (i % 2 ? idle.scene.server : idle.scene.client).transport->write("x");
    }
    const Duration took = idle.until_server_lost();
    CHECK(took > 9900ms);
    CHECK(took < 10100ms);
}

TEST_CASE("writing to somebody who does not read is no traffic, slow reading is") {
    IdleScene idle;
    idle.scene.client.transport->pause_reading();
    idle.scene.server.transport->write(std::string(8 << 20, 'x'));
    for (int i = 0; i < 3; ++i) {
        idle.pass(6s);
        REQUIRE(!idle.scene.server.lost);
        idle.scene.client.transport->resume_reading();
        idle.pass(3ms);
        idle.scene.client.transport->pause_reading();
    }
    REQUIRE(idle.scene.server.transport->queued() > 0);
    const TimePoint begun = idle.world.now();
    while (!idle.scene.server.lost && idle.world.now() - begun < 60s) {
        idle.scene.server.transport->write("and more");
        idle.pass(1s);
    }
    CHECK(idle.world.now() - begun < 22s);
    REQUIRE(idle.scene.server.lost);
    CHECK(idle.scene.server.lost->error()->is(Errc::timed_out));
}

TEST_CASE("a closed connection whose output nobody takes is idle too") {
    IdleScene idle;
    idle.scene.client.transport->pause_reading();
    idle.scene.server.transport->write(std::string(1 << 20, 'x'));
    idle.scene.server.transport->close();
    CHECK(idle.until_server_lost() < 21s);
    CHECK(idle.scene.server.lost->error()->is(Errc::timed_out));
}

// A connection over two pipes, as standard input and output are.
struct PipeScene {
    PipeScene() { start(Descriptor(::fcntl(in.read.get(), F_DUPFD_CLOEXEC, 3))); }
    explicit PipeScene(Descriptor input) { start(std::move(input)); }

    void start(Descriptor input) {
        const auto socket =
            reactor.driver().adopt(std::move(input), Descriptor(::fcntl(out.write.get(), F_DUPFD_CLOEXEC, 3)));
        REQUIRE(socket);
        Connection::start(reactor, *socket, std::make_unique<Recording>(seen), {});
        seen.keep_open = true;
    }
    void fill_output() {
        seen.transport->write(message);
        testing::settle(reactor, 1ms);
        REQUIRE(seen.transport->queued() > 0);
    }
    std::string read_output() {
        std::string all;
        ::fcntl(out.read.get(), F_SETFL, O_NONBLOCK);
        std::array<char, 65536> buffer;
        const TimePoint limit = reactor.driver().now() + 10s;
        while (all.size() < message.size() && reactor.driver().now() < limit) {
            const auto count = ::read(out.read.get(), buffer.data(), buffer.size());
            if (count > 0) all.append(buffer.data(), static_cast<std::size_t>(count));
            reactor.turn(reactor.driver().now() + (count > 0 ? 0ms : 1ms));
        }
        return all;
    }

    const std::string message = pattern(500'000);
    Seen seen;
    Pipe in;
    Pipe out;
    Reactor reactor{native_driver()};
};

TEST_CASE("an end of input does not stop output that is blocked") {
    PipeScene pipes;
    pipes.fill_output();
    pipes.in.write.reset();
    REQUIRE(run_until(pipes.reactor, [&] { return pipes.seen.has('e'); }));
    testing::settle(pipes.reactor, 1ms);
    CHECK(pipes.read_output() == pipes.message);
}

TEST_CASE("a file as input does not stop output that is blocked") {
    const TempFolder folder;
    folder.write("file", "all there is");
    PipeScene pipes(Descriptor(::open(folder.path("file").c_str(), O_RDONLY | O_CLOEXEC)));
    pipes.fill_output();
    CHECK(pipes.seen.received == "all there is");
    CHECK(pipes.read_output() == pipes.message);
}

TEST_CASE("a reader of the output that goes away is noticed while output waits") {
    PipeScene pipes;
    pipes.fill_output();
    pipes.out.read.reset();
    REQUIRE(run_until(pipes.reactor, [&] { return pipes.seen.lost.has_value(); }));
    CHECK(pipes.seen.lost->error()->is_errno(EPIPE));
}

TEST_CASE("a reader that goes away while nothing is written does not keep the loop busy") {
    PipeScene pipes;
    pipes.fill_output();
    CHECK(pipes.read_output() == pipes.message);
    pipes.out.read.reset();
    testing::settle(pipes.reactor, 1ms);
    int turns = 0;
    const TimePoint until = pipes.reactor.driver().now() + 20ms;
    while (pipes.reactor.driver().now() < until) {
        pipes.reactor.turn(until);
        ++turns;
    }
    CHECK(turns < 10);
    CHECK(!pipes.seen.lost);
}

TEST_CASE("adopted descriptors get their blocking mode back") {
    PipeScene pipes;
    CHECK((::fcntl(pipes.in.read.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(pipes.out.write.get(), F_GETFL) & O_NONBLOCK) != 0);
    pipes.seen.transport->close();
    REQUIRE(run_until(pipes.reactor, [&] { return pipes.seen.destroyed; }));
    CHECK((::fcntl(pipes.in.read.get(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK((::fcntl(pipes.out.write.get(), F_GETFL) & O_NONBLOCK) == 0);
    std::array<char, 1> byte;
    CHECK(pipes.seen.lost->kind() == Kind::closed_here);
    pipes.out.write.reset();
    CHECK(::read(pipes.out.read.get(), byte.data(), 1) == 0);
}

}  // namespace
}  // namespace bine::testing
