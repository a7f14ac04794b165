#include "bine/net/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <deque>
#include <stdexcept>
#include <thread>

#include "bine/driver/socket.h"
#include "bine/reactor/workers.h"
#include "bine/sim/world.h"
#include "tests/net/scene.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

// A listener whose every connection is seen, and clients for it.
struct Crowd {
    explicit Crowd(const ListenerOptions& options = {})
        : listener(reactor, [this] { return std::make_unique<Recording>(servers.emplace_back()); }, options) {}

    void open(const Address& at = Address::loopback(0)) {
        if (const auto opened = listener.open(at, {}); !opened) throw opened.error();
    }
    Seen& connect() {
        Seen& seen = clients.emplace_back();
        dial(reactor, listener.address(), seen);
        return seen;
    }
    bool until(Function<bool()> holds) { return run_until(reactor, std::move(holds)); }
    void settle() { testing::settle(reactor, 3ms); }

    std::deque<Seen> servers;
    std::deque<Seen> clients;
    Reactor reactor{native_driver()};
    Listener listener;
};

TEST_CASE("at the cap of all, connections wait in the backlog until one ends") {
    ListenerOptions options;
    options.max_connections = 2;
    Crowd crowd(options);
    crowd.open();
    for (int i = 0; i < 4; ++i) crowd.connect();
    REQUIRE(crowd.until([&] { return crowd.clients.back().transport && crowd.servers.size() == 2; }));
    crowd.settle();
    CHECK(crowd.servers.size() == 2);
    CHECK(crowd.listener.connections() == 2);
    crowd.servers[0].transport->close();
    REQUIRE(crowd.until([&] { return crowd.servers.size() == 3 && crowd.servers[2].transport; }));
    crowd.settle();
    CHECK(crowd.servers.size() == 3);
    CHECK(crowd.listener.connections() == 2);
    crowd.servers[1].transport->abort();
    crowd.servers[2].transport->abort();
    REQUIRE(crowd.until([&] { return crowd.servers.size() == 4 && crowd.listener.connections() == 1; }));
}

TEST_CASE("over the cap of its peer a connection is refused, with one line in the log a second") {
    const CapturedLogs logs;
    ListenerOptions options;
    options.max_per_peer = 2;
    Crowd crowd(options);
    crowd.open();
    for (int i = 0; i < 5; ++i) crowd.connect();
    const auto lost = [&] {
        int count = 0;
        for (const Seen& seen : crowd.clients) count += seen.lost ? 1 : 0;
        return count;
    };
    REQUIRE(crowd.until([&] { return lost() == 3 && crowd.servers.size() == 2; }));
    CHECK(crowd.listener.connections() == 2);
    CHECK(logs.count("refused a connection: its peer has as many as it may") == 1);
    CHECK(logs.contains("peer=127.0.0.1"));

    crowd.servers[0].transport->close();
    REQUIRE(crowd.until([&] { return crowd.listener.connections() == 1; }));
    Seen& again = crowd.connect();
    REQUIRE(crowd.until([&] { return crowd.servers.size() == 3; }));
    CHECK(!again.lost);
}

TEST_CASE("peers are told apart by their address, and Unix peers are nobody") {
    const CapturedLogs quiet;
    ListenerOptions options;
    options.max_per_peer = 1;
    Crowd crowd(options);
    crowd.open();
    for (const char* from : {"127.0.0.2", "127.0.0.3"}) {
        Seen& seen = crowd.clients.emplace_back();
        REQUIRE(Connection::connect(crowd.reactor, crowd.listener.address(), *Address::try_parse_ip(from, 0),
                                    recording(seen), nullptr, {}));
    }
    REQUIRE(crowd.until([&] { return crowd.servers.size() == 2; }));
    CHECK(crowd.servers[0].transport->peer_address().host() == "127.0.0.2");

    Crowd local(options);
    local.open(abstract_address());
    for (int i = 0; i < 3; ++i) local.connect();
    CHECK(local.until([&] { return local.servers.size() == 3; }));
}

TEST_CASE("a factory may refuse a connection, and one that throws loses only that one") {
    const CapturedLogs logs;
    Seen third;
    std::deque<Seen> clients;
    Reactor reactor{native_driver()};
    int calls = 0;
    Listener listener(reactor,
                      [&]() -> std::unique_ptr<Protocol> {
                          if (++calls == 1) return nullptr;
                          if (calls == 2) throw std::runtime_error("no protocol today");
                          return std::make_unique<Recording>(third);
                      },
                      {});
    REQUIRE(listener.open(Address::loopback(0), {}));
    for (int i = 0; i < 3; ++i) {
        dial(reactor, listener.address(), clients.emplace_back());
        REQUIRE(run_until(reactor, [&] { return calls == i + 1; }));
    }
    REQUIRE(run_until(reactor, [&] { return clients[0].lost && clients[1].lost && third.transport; }));
    CHECK(!clients[2].lost);
    CHECK(listener.connections() == 1);
    CHECK(logs.contains("no protocol today"));
}

TEST_CASE("a factory may destroy its listener; the connection goes on") {
    Reactor reactor{native_driver()};
    Seen server, client;
    std::unique_ptr<Listener> listener;
    const std::string captured(100, 'x');  // on the heap, for a sanitizer to see its end
    std::string seen_after;
    listener = std::make_unique<Listener>(
        reactor,
        [&, captured] {
            listener.reset();
            seen_after = captured;
            return std::make_unique<Recording>(server);
        },
        ListenerOptions{});
    REQUIRE(listener->open(Address::loopback(0), {}));
    REQUIRE(Connection::connect(reactor, listener->address(), {}, recording(client), nullptr, {}));
    REQUIRE(run_until(reactor, [&] { return client.transport && server.transport; }));
    CHECK(!listener);
    CHECK(seen_after == captured);
    client.transport->write("hello");
    CHECK(run_until(reactor, [&] { return server.received == "hello"; }));
}

TEST_CASE("a closed listener refuses, and its connections go on") {
    Crowd crowd;
    crowd.open();
    const Address at = crowd.listener.address();
    Seen& client = crowd.connect();
    REQUIRE(crowd.until([&] { return crowd.servers.size() == 1 && client.transport; }));
    crowd.listener.close();
    crowd.listener.close();
    CHECK(!crowd.listener.is_open());
    std::string refused;
    REQUIRE(Connection::connect(
        crowd.reactor, at, {}, [] { return nullptr; },
        [&](const Error* error) { refused = error ? error->text() : "connected"; }, {}));
    REQUIRE(crowd.until([&] { return !refused.empty(); }));
    INFO(refused);
    CHECK(refused.find("Connection refused") != std::string::npos);
    crowd.servers[0].transport->write("still here");
    CHECK(crowd.until([&] { return client.received == "still here"; }));
}

TEST_CASE("an accept that fails for want of something is tried again, and said once") {
    const CapturedLogs logs;
    sim::World world(11, {.accept_failure = 2});
    std::deque<Seen> servers, clients;
    Reactor reactor(world.make_driver());
    Listener listener(reactor, [&] { return std::make_unique<Recording>(servers.emplace_back()); }, {});
    REQUIRE(listener.open(Address::loopback(0), {}));
    for (int i = 0; i < 8; ++i) dial(reactor, listener.address(), clients.emplace_back());
    CHECK(run_until(reactor, [&] { return servers.size() == 8; }));
    CHECK(logs.count("cannot accept connections for now; they wait in the backlog") == 1);
}

// Sanitizers look whether an object's memory is there by way of a pipe, which a shortage denies them.
#if !defined(__SANITIZE_ADDRESS__)

// Allows the process a few descriptors more than it has. An io_uring keeps to the limit of when it was asked to accept.
class LowLimit {
public:
    LowLimit() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const Descriptor next(::dup(0));
        rlimit limit = before_;
        limit.rlim_cur = static_cast<rlim_t>(next.get()) + 64;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    ~LowLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

// Takes all descriptors that are left, for as long as it lives.
class Shortage {
public:
    Shortage() {
        while (Descriptor taken{::dup(0)}) taken_.push_back(std::move(taken));
    }
    void end() { taken_.clear(); }
    bool holds() const { return ::dup(0) < 0; }

private:
    std::vector<Descriptor> taken_;
};

TEST_CASE("without descriptors accepting pauses, says so once, and goes on when there are some") {
    const CapturedLogs logs;
    const LowLimit limit;
    Crowd crowd;
    crowd.open();
    Seen& first = crowd.connect();
    REQUIRE(crowd.until([&] { return crowd.servers.size() == 1 && first.transport; }));
    // The clients' sockets are made before the shortage; nobody accepts yet.
    for (int i = 0; i < 3; ++i) crowd.connect();
    int turns = 0;
    {
        Shortage shortage;
        REQUIRE(shortage.holds());
        const TimePoint until = crowd.reactor.driver().now() + 250ms;
        while (crowd.reactor.driver().now() < until) {
            crowd.reactor.turn(until);
            ++turns;
        }
        CHECK(crowd.servers.size() == 1);
        first.transport->write("alive");
        REQUIRE(crowd.until([&] { return crowd.servers[0].received == "alive"; }));
    }
    CHECK(turns < 40);
    CHECK(logs.count("cannot accept connections for now; they wait in the backlog") == 1);
    REQUIRE(crowd.until([&] { return crowd.servers.size() == 4; }));
    for (int i = 1; i < 4; ++i) crowd.clients[static_cast<std::size_t>(i)].transport->write("served");
    CHECK(crowd.until([&] {
        for (std::size_t i = 1; i < 4; ++i) {
            if (crowd.servers[i].received != "served") return false;
        }
        return true;
    }));
    CHECK(logs.count("cannot accept connections for now; they wait in the backlog") == 1);
}

TEST_CASE("a listener that ends during a shortage is not resumed") {
    const CapturedLogs quiet;
    const LowLimit limit;
    Crowd crowd;
    crowd.open();
    crowd.connect();
    crowd.connect();
    {
        Shortage shortage;
        crowd.reactor.turn(TimePoint::min());
        crowd.reactor.turn(TimePoint::min());
        crowd.listener.close();
    }
    testing::settle(crowd.reactor, 120ms);
    CHECK(crowd.servers.empty());
}

#endif

bool exists(const std::string& path) {
    struct stat found{};
    return ::lstat(path.c_str(), &found) == 0;
}

uint32_t mode_of(const std::string& path) {
    struct stat found{};
    return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777u : 0;
}

TEST_CASE("a Unix path gets its mode, and goes with its listener") {
    const TempFolder folder;
    const std::string path = folder.path("socket");
    Reactor reactor{native_driver()};
    Seen seen;
    {
        Listener listener(reactor, recording(seen), {});
        ListenOptions options;
        options.unix_mode = 0600;
        REQUIRE(listener.open(Address::unix_path(path), options));
        CHECK(mode_of(path) == 0600);
        CHECK(listener.address() == Address::unix_path(path));
    }
    CHECK(!exists(path));
}

TEST_CASE("a stale Unix socket is taken over; a live one and a file are not") {
    const TempFolder folder;
    const std::string path = folder.path("socket");
    Crowd crowd;
    {
        const auto stale = socket::listen(Address::unix_path(path), {});
        REQUIRE(stale);
    }
    REQUIRE(exists(path));
    crowd.open(Address::unix_path(path));
    Seen& client = crowd.connect();
    REQUIRE(crowd.until([&] { return client.transport != nullptr; }));

    Seen seen;
    Listener second(crowd.reactor, recording(seen), {});
    const auto refused = second.open(Address::unix_path(path), {});
    REQUIRE(!refused);
    CHECK(refused.error().is_errno(EADDRINUSE));
    CHECK(refused.error().text().find(path) != std::string::npos);
    CHECK(exists(path));

    folder.write("file", "precious");
    CHECK(!second.open(Address::unix_path(folder.path("file")), {}));
    CHECK(exists(folder.path("file")));
}

TEST_CASE("connections of every listener start without delay, inherited ones too") {
    Reactor reactor{native_driver()};
    Seen server, client;
    Listener listener(reactor, recording(server), {});
    auto plain = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::listen(plain.get(), 5) == 0);  // on a port of the system's choice
    REQUIRE(listener.open(std::move(plain)));
    const Address at = Address::loopback(listener.address().port());
    REQUIRE(Connection::connect(reactor, at, {}, recording(client), nullptr, {}));
    REQUIRE(run_until(reactor, [&] { return client.transport && server.transport; }));
    // Nobody gives the descriptor out: look for the accepted socket by its peer.
    int with_delay = 0;
    int found = 0;
    for (int fd = 3; fd < 256; ++fd) {
        if (socket::is_listening(fd) || socket::peer_address(fd) != server.transport->peer_address()) continue;
        int on = 0;
        socklen_t size = sizeof on;
        ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size);
        ++found;
        with_delay += on ? 0 : 1;
    }
    CHECK(found == 1);
    CHECK(with_delay == 0);
}

class Greeting final : public Protocol {
public:
    void connection_made(Transport& transport) override { transport.write("!"); }
    void data_received(std::string_view) override {}
    void connection_lost(const CloseReason&) override {}
};

// A client that has waited for a greeting, for as long as a test may take.
Descriptor greeted_client(const Address& at) {
    Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{20, 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_storage storage{};
    const auto length = at.to_native(reinterpret_cast<sockaddr*>(&storage));
    char byte = 0;
    const bool greeted = ::connect(client.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0 &&
                         ::recv(client.get(), &byte, 1, 0) == 1;
    return greeted ? std::move(client) : Descriptor();
}

TEST_CASE("of listeners in several threads that share a socket, one that is full takes no wakeup from the others") {
    constexpr std::size_t kWorkers = 4;
    const auto socket = socket::listen(Address::loopback(0), {});
    REQUIRE(socket);
    ListenerOptions options;
    options.max_connections = 1;
    std::vector<std::size_t> connections(kWorkers);
    std::vector<Descriptor> clients;
    std::thread client;
    const auto program = [&](Worker& worker) {
        Listener listener(worker.reactor(), [] { return std::make_unique<Greeting>(); }, options);
        const bool opened = listener.open(Descriptor(::fcntl(socket->get(), F_DUPFD_CLOEXEC, 3))).has_value();
        CHECK(opened);
        if (worker.index() == 0) {
            client = std::thread([&] {
                for (std::size_t i = 0; i < kWorkers; ++i) {
                    clients.push_back(greeted_client(socket::local_address(socket->get())));
                }
                worker.stop_all();
            });
        }
        worker.reactor().run();
        connections[worker.index()] = listener.connections();
    };
    run_workers(kWorkers, program, [] { return std::make_unique<Reactor>(native_driver()); });
    client.join();
    for (const Descriptor& one : clients) CHECK(one);
    CHECK(connections == std::vector<std::size_t>(kWorkers, 1));
}

}  // namespace
}  // namespace bine::testing
