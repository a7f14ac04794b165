// Every kind of endpoint for real, in both directions.
#include "bine/endpoints/endpoints.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <stdexcept>

#include "bine/driver/socket.h"
#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/listen.h"
#include "bine/endpoints/proxied.h"
#include "bine/endpoints/react.h"
#include "bine/net/resolver.h"
#include "bine/sim/world.h"
#include "tests/net/child.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

template <class T>
Result<T> wait_for(Reactor& reactor, Deferred<T> deferred) {
    run_until(reactor, [&] { return deferred.done(); });
    if (!deferred.done()) return fail(Errc::timed_out, "it took too long");
    return std::move(deferred).result();
}

template <class T>
std::string error_of(const Result<T>& result) {
    return result ? "no error" : result.error().text();
}

Deferred<> echo_line(Stream stream) {
    const std::string line = co_await stream.read_line();
    co_await stream.write("you said " + line + "\n");
}

// What a client at `endpoint` hears.
std::string ask(Reactor& reactor, const std::string& endpoint) {
    auto stream = wait_for(reactor, connect(reactor, endpoint));
    if (!stream) return stream.error().text();
    stream->transport()->write("hello\n");
    auto answer = wait_for(reactor, stream->read_all());
    return answer ? *answer : answer.error().text();
}

TEST_CASE("tcp, tcp6 and unix, as servers and as clients") {
    const TempFolder folder;
    Reactor reactor{native_driver()};
    const std::string abstract = "unix:@bine-endpoints-" + std::to_string(::getpid());
    const std::string path = "unix:" + folder.path("socket");
    struct Kind {
        std::string server;
        std::string client;  // # stands for the port
    };
    for (const Kind& kind :
         {Kind{"tcp:0:interface=127.0.0.1", "tcp:127.0.0.1:#"},
          Kind{"tcp:0", "tcp:localhost:port=#:timeout=5:bind=127.0.0.1"},
          Kind{"tcp6:0:interface=[::1]:backlog=10:reuseport=yes", "tcp6:[::1]:#"}, Kind{"tcp6:0", "tcp:[::1]:#"},
          Kind{path + ":mode=600", path}, Kind{abstract, abstract + ":timeout=5"}}) {
        CAPTURE(kind.server);
        auto port = wait_for(reactor, listen(reactor, kind.server, echo_line));
        REQUIRE_MESSAGE(port, error_of(port));
        std::string client = kind.client;
        if (const auto at = client.find('#'); at != client.npos) {
            client.replace(at, 1, std::to_string(port->address().port()));
        }
        CHECK(ask(reactor, client) == "you said hello\n");
        CHECK(port->is_open());
        auto closed = port->closed();
        CHECK(!closed.done());
        port->close();
        CHECK(closed.done());
        CHECK(!port->is_open());
        CHECK(ask(reactor, client) != "you said hello\n");
    }
    struct stat found{};
    CHECK(::lstat(folder.path("socket").c_str(), &found) != 0);
}

TEST_CASE("an address in use is one sentence that names it") {
    Reactor reactor{native_driver()};
    auto first = wait_for(reactor, listen(reactor, "tcp:0:interface=127.0.0.1", echo_line));
    REQUIRE(first);
    const std::string at = std::to_string(first->address().port());
    const auto second = wait_for(reactor, listen(reactor, "tcp:" + at + ":interface=127.0.0.1", echo_line));
    CHECK(error_of(second) == "listen on 127.0.0.1:" + at + ": Address already in use");
}

TEST_CASE("names that nobody knows are answered with those that are known") {
    Reactor reactor{native_driver()};
    CHECK(
        error_of(wait_for(reactor, listen(reactor, "tpc:7000", echo_line))) ==
        "endpoint \"tpc:7000\": nobody knows the server \"tpc\"; there are fd, haproxy, stdio, systemd, tcp, tcp6, unix");
    CHECK(error_of(wait_for(reactor, connect(reactor, "udp:7000"))) ==
          "endpoint \"udp:7000\": nobody knows the client \"udp\"; there are tcp, tcp6, unix");
    const auto inner = wait_for(reactor, listen(reactor, "haproxy:tpc:7000", echo_line));
    CHECK(error_of(inner).find("nobody knows the server \"tpc\"") != std::string::npos);
}

TEST_CASE("arguments that make no sense are refused before anything is opened") {
    Endpoints endpoints;
    for (const char* text : {"tcp", "tcp:x", "tcp:70000", "tcp:80:interface=localhost", "tcp:80:interface=[::1]",
                             "tcp6:80:interface=127.0.0.1", "tcp:80:reuseport=maybe", "tcp:80:speed=9", "unix:",
                             "unix:/x:mode=9", "stdio:x", "fd:x", "systemd:", "systemd:index=x", "haproxy:", "", ":"}) {
        CAPTURE(text);
        CHECK(!endpoints.server(text));
    }
    for (const char* text :
         {"tcp", "tcp:host", "tcp:host:x", "tcp:host:80:timeout=soon", "tcp:host:80:bind=host", "unix:"}) {
        CAPTURE(text);
        CHECK(!endpoints.client(text));
    }
    CHECK(!endpoints.server("unix:/" + std::string(107, 'x')));
    CHECK(!endpoints.client("unix:/" + std::string(107, 'x')));
}

// An endpoint of a program's own: another one under a new name.
class Quiet final : public ServerEndpoint {
public:
    explicit Quiet(std::unique_ptr<ServerEndpoint> inner) : inner_(std::move(inner)) {}
    Deferred<Port> listen(Reactor& reactor, Factory factory, const ListenerOptions& options) override {
        return inner_->listen(reactor, std::move(factory), options);
    }

private:
    std::unique_ptr<ServerEndpoint> inner_;
};

TEST_CASE("a program adds its own names, in front of others too, and may give a known one a new meaning") {
    Reactor reactor{native_driver()};
    Endpoints endpoints;
    int wrapped = 0;
    endpoints.add_server("quiet", [&](const EndpointDescription& description) {
        return endpoints.server("tcp:" + description.positional.at(0) + ":interface=127.0.0.1");
    });
    endpoints.add_server_wrapper("behind",
                                 [&](std::unique_ptr<ServerEndpoint> inner) -> Result<std::unique_ptr<ServerEndpoint>> {
                                     ++wrapped;
                                     return std::make_unique<Quiet>(std::move(inner));
                                 });
    auto port = wait_for(reactor, listen(reactor, "behind:quiet:0", stream_factory(echo_line), {}, endpoints));
    REQUIRE_MESSAGE(port, error_of(port));
    CHECK(wrapped == 1);
    const uint16_t number = port->address().port();
    endpoints.add_client("tcp", [&](const EndpointDescription&) {
        return Endpoints().client("tcp:127.0.0.1:" + std::to_string(number));
    });
    Seen seen;
    CHECK(wait_for(reactor, connect(reactor, "tcp:anything:1", recording(seen), {}, endpoints)));
    CHECK(seen.events == "m");
    seen.transport->abort();
    CHECK(run_until(reactor, [&] { return seen.destroyed; }));
}

// Knows one address for every name.
class Fixed final : public Resolver {
public:
    explicit Fixed(Address address) : address_(std::move(address)) {}
    std::vector<std::string> asked;

private:
    Deferred<std::vector<Address>> look_up(std::string host, uint16_t port, Address::Family) override {
        asked.push_back(std::move(host));
        return ready(std::vector<Address>{address_.with_port(port)});
    }

    const Address address_;
};

TEST_CASE("tcp: asks the resolver that its Endpoints were given") {
    Reactor reactor{native_driver()};
    Endpoints endpoints;
    Fixed resolver(Address::loopback(0));
    endpoints.set_resolver(resolver);
    auto port = wait_for(reactor, listen(reactor, "tcp:0:interface=127.0.0.1", echo_line));
    REQUIRE(port);
    const std::string number = std::to_string(port->address().port());
    Seen seen;
    const auto made = wait_for(
        reactor, connect(reactor, "tcp:nowhere.invalid:" + number, recording(seen), ConnectionOptions(), endpoints));
    CHECK(error_of(made) == "no error");
    CHECK(resolver.asked == std::vector<std::string>{"nowhere.invalid"});
    seen.transport->abort();
    CHECK(run_until(reactor, [&] { return seen.destroyed; }));
}

TEST_CASE("tcp6: binds to IPv6 addresses only") {
    Endpoints endpoints;
    CHECK(error_of(endpoints.client("tcp6:[::1]:9:bind=127.0.0.1")) ==
          "endpoint \"tcp6:[::1]:9:bind=127.0.0.1\": bind is \"127.0.0.1\"; it must be an IPv6 address");
}

TEST_CASE("connecting ends when its time is over, or with what went wrong") {
    sim::World world(3, {.shortest_latency = 20s, .longest_latency = 30s});
    Reactor reactor(world.make_driver());
    Seen server, client;
    Listener listener(reactor, recording(server), {});
    REQUIRE(listener.open(Address::loopback(0), {}));
    const std::string endpoint = "tcp:127.0.0.1:" + std::to_string(listener.address().port());
    const TimePoint begun = world.now();
    auto late = connect(reactor, endpoint + ":timeout=3", recording(client));
    while (!late.done()) reactor.turn(world.now() + 1s);
    auto outcome = std::move(late).result();
    REQUIRE(!outcome);
    CHECK(outcome.error().is(Errc::timed_out));
    CHECK(world.now() - begun < 5s);
    testing::settle(reactor, 100s);
    CHECK(client.events.empty());
}

TEST_CASE("a connection attempt that is dropped is given up") {
    Reactor reactor{native_driver()};
    Seen server, client;
    Listener listener(reactor, recording(server), {});
    REQUIRE(listener.open(Address::loopback(0), {}));
    const std::string number = std::to_string(listener.address().port());
    {
        auto dropped = connect(reactor, "tcp:127.0.0.1:" + number, recording(client));
    }
    auto cancelled = connect(reactor, "tcp:127.0.0.1:" + number, recording(client));
    cancelled.cancel();
    {
        auto looking_up = connect(reactor, "tcp:localhost:" + number, recording(client));
    }
    {
        auto stream = connect(reactor, "tcp:127.0.0.1:" + number);
    }
    testing::settle(reactor, 10ms);
    CHECK(client.events.empty());
    REQUIRE(cancelled.done());
    const auto refused = wait_for(reactor, connect(reactor, "tcp:127.0.0.1:" + number, [] { return nullptr; }));
    CHECK(error_of(refused) == "the factory refused the connection");
    const auto nowhere = wait_for(reactor, connect(reactor, "unix:/nonexistent/socket"));
    CHECK(error_of(nowhere) == "connect to unix:/nonexistent/socket: No such file or directory");
}

TEST_CASE("fd: listens on a socket that was open before, and not on anything else") {
    Reactor reactor{native_driver()};
    auto inherited = socket::listen(Address::loopback(0), {});
    REQUIRE(inherited);
    const std::string number = std::to_string(inherited->get());
    auto port = wait_for(reactor, listen(reactor, "fd:" + number, echo_line));
    REQUIRE_MESSAGE(port, error_of(port));
    CHECK(ask(reactor, "tcp:127.0.0.1:" + std::to_string(port->address().port())) == "you said hello\n");

    const Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const std::string other = "fd:" + std::to_string(file.get());
    CHECK(error_of(wait_for(reactor, listen(reactor, other, echo_line))) ==
          "listen on " + other + ": descriptor " + std::to_string(file.get()) + " is no listening socket");
    CHECK(error_of(wait_for(reactor, listen(reactor, "fd:9999", echo_line))).find("Bad file descriptor") !=
          std::string::npos);
}

TEST_CASE("systemd: takes sockets by index and by name, and only those meant for this process") {
    Child child([](auto say) {
        auto first = socket::listen(Address::loopback(0), {});
        auto second = socket::listen(Address::loopback(0), {});
        if (!first || !second) return 1;
        const Descriptor high(::fcntl(second->get(), F_DUPFD_CLOEXEC, 100));
        const Descriptor low(::fcntl(first->get(), F_DUPFD_CLOEXEC, 100));
        ::dup2(low.get(), 3);
        ::dup2(high.get(), 4);
        ::setenv("LISTEN_FDS", "2", 1);
        ::setenv("LISTEN_FDNAMES", "web:admin", 1);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        Reactor reactor{native_driver()};
        for (const char* endpoint : {"systemd:index=0", "systemd:name=admin", "systemd:index=2", "systemd:name=x"}) {
            auto port = wait_for(reactor, listen(reactor, endpoint, echo_line));
            say(port ? ask(reactor, "tcp:127.0.0.1:" + std::to_string(port->address().port()))
                     : port.error().text() + "\n");
        }
        say((::fcntl(3, F_GETFD) & FD_CLOEXEC) ? "close-on-exec\n" : "left open\n");
        ::setenv("LISTEN_PID", "1", 1);
        say(error_of(wait_for(reactor, listen(reactor, "systemd:index=0", echo_line))));
        return 0;
    });
    const std::string have = "the service manager passed ";
    const std::string told = child.told();
    CAPTURE(told);
    CHECK(child.wait() == 0);
    CHECK(told.starts_with("you said hello\nyou said hello\n"));
    CHECK(told.find("there is no such socket; " + have + "2 sockets") != std::string::npos);
    CHECK(told.find("no socket has that name; " + have + "2 sockets") != std::string::npos);
    CHECK(told.find("close-on-exec") != std::string::npos);
    CHECK(told.find(have + "0 sockets") != std::string::npos);
}

TEST_CASE("stdio: is one connection over standard input and output, left as they were") {
    Pipe input, output;
    Child child([&](auto say) {
        ::dup2(input.read.get(), 0);
        ::dup2(output.write.get(), 1);
        char name[] = "program";
        char* words[] = {name, nullptr};
        const int code = react(1, words, [](Reactor& reactor, Args) -> Deferred<> {
            auto port = co_await listen(reactor, "stdio:", echo_line);
            co_await port.closed();
        });
        say("ended");
        return code;
    });
    REQUIRE(::write(input.write.get(), "over pipes\n", 11) == 11);
    CHECK(child.says("ended"));
    CHECK(child.wait() == 0);
    std::array<char, 64> answer;
    const auto count = ::read(output.read.get(), answer.data(), answer.size());
    REQUIRE(count > 0);
    CHECK(std::string(answer.data(), static_cast<std::size_t>(count)) == "you said over pipes\n");
    // The same open files as the child's.
    CHECK((::fcntl(input.read.get(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK((::fcntl(output.write.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("stdio: with a factory that refuses or throws is an error of listen") {
    Reactor reactor{native_driver()};
    CHECK(error_of(wait_for(reactor, listen(reactor, "stdio:", Factory([] { return nullptr; })))) ==
          "listen on stdio: the factory refused the connection");
    CHECK(error_of(wait_for(reactor, listen(reactor, "stdio:", []() -> std::unique_ptr<Protocol> {
                                throw std::runtime_error("no protocol today");
                            }))) == "no protocol today");
}

// A server behind haproxy:, and what a raw client that speaks to it sees.
struct Proxied {
    Proxied() : listener(reactor, proxied_factory(recording(server)), {}) {
        if (const auto opened = listener.open(Address::loopback(0), {}); !opened) throw opened.error();
        const auto made = Connection::connect(reactor, listener.address(), {}, recording(client), nullptr, {});
        if (!made) throw made.error();
        run_until(reactor, [this] { return client.transport != nullptr; });
    }
    Seen server;
    Seen client;
    Reactor reactor{native_driver()};
    Listener listener;
};

const std::string kVersion2 =
    std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x04\xd2\x01\xbb", 28);

TEST_CASE("haproxy: tells who the client is, in both versions, and hands on what follows") {
    struct Case {
        std::string header;
        std::string peer;
        std::string local;
    };
    for (const Case& given :
         {Case{"PROXY TCP4 192.0.2.7 198.51.100.1 5678 443\r\n", "192.0.2.7:5678", "198.51.100.1:443"},
          Case{"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "[2001:db8::1]:1", "[2001:db8::2]:2"},
          Case{kVersion2, "10.0.0.1:1234", "10.0.0.2:443"}}) {
        for (const std::size_t split : {std::size_t{0}, std::size_t{1}, std::size_t{13}, given.header.size()}) {
            CAPTURE(split);
            Proxied proxied;
            proxied.client.transport->write(given.header.substr(0, split));
            testing::settle(proxied.reactor, 1ms);
            CHECK(proxied.server.received.empty());
            proxied.client.transport->write(given.header.substr(split) + "GET /");
            REQUIRE(run_until(proxied.reactor, [&] { return proxied.server.received == "GET /"; }));
            CHECK(proxied.server.transport->peer_address().to_string() == given.peer);
            CHECK(proxied.server.transport->local_address().to_string() == given.local);
        }
    }
    Proxied unknown;
    unknown.client.transport->write("PROXY UNKNOWN\r\nGET /");
    REQUIRE(run_until(unknown.reactor, [&] { return unknown.server.received == "GET /"; }));
    CHECK(unknown.server.transport->peer_address() == unknown.client.transport->local_address());
}

TEST_CASE("haproxy: refuses what is no header, in one line of the log, and forgives silence") {
    for (const std::string_view garbage :
         {"GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 1.2.3.4\r\n", "\r\n\r\n\0\r\nQUIT\n\x99"}) {
        const CapturedLogs logs;
        Proxied proxied;
        proxied.client.transport->write(garbage);
        proxied.client.transport->write(std::string(200, 'x'));
        REQUIRE(run_until(proxied.reactor, [&] { return proxied.client.lost.has_value(); }));
        CHECK(!proxied.client.lost->clean());
        CHECK(proxied.server.events.empty());
        CHECK(logs.count("refused a connection that should have come through a proxy") == 1);
    }
    const CapturedLogs logs;
    Proxied silent;
    silent.client.transport->close();
    REQUIRE(run_until(silent.reactor, [&] { return silent.client.destroyed && silent.listener.connections() == 0; }));
    CHECK(!logs.contains("connection"));
}

TEST_CASE("haproxy: waits 10 s for a header, not longer, however busily it comes") {
    const CapturedLogs logs;
    sim::World world(5, {.fragment = false});
    Reactor reactor(world.make_driver());
    Seen server, client;
    Listener listener(reactor, proxied_factory(recording(server)), {});
    REQUIRE(listener.open(Address::loopback(0), {}));
    REQUIRE(Connection::connect(reactor, listener.address(), {}, recording(client), nullptr, {}));
    REQUIRE(run_until(reactor, [&] { return client.transport != nullptr; }));
    const TimePoint begun = world.now();
    constexpr std::string_view kHeader = "PROXY TCP4 192.0.2.7 198.51.100.1 5678 443\r\n";
    for (const char byte : kHeader) {
        if (client.lost) break;
        client.transport->write(std::string_view(&byte, 1));
        testing::settle(reactor, 1s);
    }
    REQUIRE(client.lost);
    CHECK(world.now() - begun < 12s);
    CHECK(logs.contains("no PROXY header came within 10 s"));
    CHECK(server.events.empty());
}

}  // namespace
}  // namespace bine::testing
