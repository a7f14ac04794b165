// TLS over every transport, against the contract of all of them.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "bine/net/connection.h"
#include "bine/net/listener.h"
#include "bine/sim/world.h"
#include "bine/testing/captured_logs.h"
#include "bine/testing/expect.h"
#include "bine/testing/faulty_system.h"
#include "bine/testing/manual_driver.h"
#include "bine/testing/memory_transport.h"
#include "bine/testing/native_driver.h"
#include "bine/testing/temp_folder.h"
#include "bine/testing/transport_contract.h"
#include "bine/tls/context.h"
#include "bine/tls/protocols.h"

namespace bine::tls {
namespace {

using namespace std::chrono_literals;
using testing::TransportCase;
using testing::TransportWorld;

// Client and server of one certificate, which is pinned.
struct Contexts {
    explicit Contexts(WallTime now) {
        const Identity identity = Identity::self_signed({"example.org"}, now).value();
        server = Context::server({.identities = {identity}}).value();
        ClientOptions options;
        options.trust.ca_pem = identity.certificates_pem();
        client = Context::client(options).value();
    }
    std::optional<Context> server;
    std::optional<Context> client;

    std::unique_ptr<Protocol> first(std::unique_ptr<Protocol> inner) const {
        return client_protocol(*client, "example.org", [p = std::move(inner)]() mutable { return std::move(p); });
    }
    std::unique_ptr<Protocol> second(std::unique_ptr<Protocol> inner) const {
        return server_protocol(*server, [p = std::move(inner)]() mutable { return std::move(p); });
    }
};

struct MemoryWorld final : TransportWorld {
    explicit MemoryWorld(std::size_t window = 65536) : contexts(reactor.wall_now()), pair(reactor, window) {}

    void connect(std::unique_ptr<Protocol> first, std::unique_ptr<Protocol> second) override {
        pair.start(contexts.first(std::move(first)), contexts.second(std::move(second)));
    }
    bool run_until(Function<bool()> holds) override { return testing::run_until(reactor, std::move(holds)); }
    void settle() override { testing::settle(reactor, 1s); }
    std::size_t more_than_fits() override { return 300'000; }

    Reactor reactor{std::make_unique<testing::ManualDriver>()};
    Contexts contexts;
    testing::MemoryPair pair;
};

struct SocketWorld : TransportWorld {
    SocketWorld(std::unique_ptr<Driver> driver, Address address, std::size_t much = 24 << 20)
        : reactor(std::move(driver)),
          contexts(reactor.wall_now()),
          listener(reactor, [this] { return contexts.second(std::move(second)); }, {}),
          much_(much) {
        const auto opened = listener.open(address, {});
        if (!opened) throw opened.error();
    }

    void connect(std::unique_ptr<Protocol> first, std::unique_ptr<Protocol> other) override {
        second = std::move(other);
        auto factory = [this, p = std::move(first)]() mutable { return contexts.first(std::move(p)); };
        const auto connection = Connection::connect(reactor, listener.address(), {}, std::move(factory), nullptr, {});
        if (!connection) throw connection.error();
    }
    bool run_until(Function<bool()> holds) override { return testing::run_until(reactor, std::move(holds)); }
    void settle() override { testing::settle(reactor, 8ms); }
    std::size_t more_than_fits() override { return much_; }

    std::unique_ptr<Protocol> second;
    Reactor reactor;
    Contexts contexts;
    Listener listener;
    std::size_t much_;
};

TEST_CASE("TLS in memory keeps the contract of transports") {
    const testing::CapturedLogs quiet;
    for (const TransportCase& promise : testing::transport_contract()) {
        MemoryWorld world;
        CHECK(testing::broken_promise(promise, world) == "");
        MemoryWorld narrow(100);
        CHECK(testing::broken_promise(promise, narrow) == "");
    }
}

TEST_CASE("TLS over TCP keeps it") {
    const testing::CapturedLogs quiet;
    for (const TransportCase& promise : testing::transport_contract()) {
        SocketWorld world(testing::native_driver(), Address::loopback(0));
        CHECK(testing::broken_promise(promise, world) == "");
    }
}

// More than is taken at once of what the kernel has in memory, so some of it is read in a thread.
TEST_CASE("a large file arrives whole and in order") {
    struct Sender final : Protocol {
        explicit Sender(Ref<SharedFile> from, uint64_t size) : file(std::move(from)), length(size) {}
        void connection_made(Transport& transport) override {
            Output output;
            output.append("begin ");
            output.append(Output::FileRange{file, 0, length});
            output.append(" end");
            transport.write(std::move(output));
            transport.close();
        }
        void data_received(std::string_view) override {}
        void connection_lost(const CloseReason&) override {}
        Ref<SharedFile> file;
        uint64_t length;
    };
    struct Collector final : Protocol {
        explicit Collector(std::string& all, bool& over) : into(&all), ended(&over) {}
        void connection_made(Transport&) override {}
        void data_received(std::string_view bytes) override { into->append(bytes); }
        void connection_lost(const CloseReason& reason) override { *ended = reason.clean(); }
        std::string* into;
        bool* ended;
    };
    const std::string content = testing::pattern(3'000'001);
    Descriptor file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    REQUIRE(::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    std::string received;
    bool ended = false;
    SocketWorld world(testing::native_driver(), Address::loopback(0));
    world.connect(std::make_unique<Collector>(received, ended),
                  std::make_unique<Sender>(Ref<SharedFile>(new SharedFile(std::move(file))), content.size()));
    CHECK(world.run_until([&] { return ended; }));
    CHECK((received == "begin " + content + " end"));
}

TEST_CASE("TLS over Unix sockets keeps it") {
    struct UnixWorld final : SocketWorld {
        using SocketWorld::SocketWorld;
        bool resets() override { return false; }
    };
    const testing::CapturedLogs quiet;
    for (const TransportCase& promise : testing::transport_contract()) {
        const testing::TempFolder folder;
        UnixWorld world(testing::native_driver(), Address::unix_path(folder.path("socket")));
        CHECK(testing::broken_promise(promise, world) == "");
    }
}

TEST_CASE("TLS keeps it when the kernel is in a bad mood") {
    const testing::CapturedLogs quiet;
    for (uint64_t seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        for (const TransportCase& promise : testing::transport_contract()) {
            testing::FaultySystem system(seed, 0.2);
            SocketWorld world(testing::native_driver(system), Address::loopback(0));
            CHECK(testing::broken_promise(promise, world) == "");
        }
    }
}

TEST_CASE("TLS in simulated worlds keeps it, whatever the seed") {
    const testing::CapturedLogs quiet;
    for (uint64_t seed = 1; seed <= 6; ++seed) {
        CAPTURE(seed);
        for (const TransportCase& promise : testing::transport_contract()) {
            sim::World network(seed, {});
            struct SimWorld final : SocketWorld {
                using SocketWorld::SocketWorld;
                void settle() override { testing::settle(reactor, 1s); }
            };
            SimWorld world(network.make_driver(), Address::loopback(0), 400'000);
            CHECK(testing::broken_promise(promise, world) == "");
        }
    }
}

}  // namespace
}  // namespace bine::tls
