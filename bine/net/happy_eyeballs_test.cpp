// Hosts whose addresses answer, refuse, keep silent or take their time, in worlds where time is exact.
#include "bine/net/happy_eyeballs.h"

#include <doctest/doctest.h>

#include "bine/async/sleep.h"
#include "bine/async/within.h"
#include "bine/net/resolver.h"
#include "bine/sim/world.h"
#include "bine/testing/leftovers.h"
#include "tests/net/scene.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;
using Family = Address::Family;

Address ip(const char* text, uint16_t port = 80) { return *Address::try_parse_ip(text, port); }

// Nobody has these.
const Address kSilent4 = ip("10.9.9.9");
const Address kSilent6 = ip("2001:db8::9");

// A client, and a server that listens at port 80 of both its addresses; other ports are refused. A way takes 1 ms.
struct Net {
    Net() {
        for (const Address& at : {Address::any_ipv4(80), Address::any_ipv6(80)}) {
            listeners.push_back(std::make_unique<Listener>(server.reactor(), recording(seen), ListenerOptions()));
            if (const auto opened = listeners.back()->open(at, {}); !opened) throw opened.error();
        }
    }

    Address good4() const { return server.address(80); }
    Address good6() const { return server.address_v6(80); }
    Address refusing4() const { return server.address(81); }
    Address refusing6() const { return server.address_v6(81); }
    std::size_t open_sockets() { return client.reactor().driver().open_sockets(); }

    void start(const std::vector<Address>& addresses, ConnectOptions options = ConnectOptions()) {
        start(connect_to_any(client.reactor(), addresses, recording(made), options));
    }
    void start(Deferred<> connecting) {
        begun = world.now();
        connected = std::move(connecting).as_result().then([this](Result<> r) {
            result = std::move(r);
            took = world.now() - begun;
        });
    }
    // How long it takes, in ms of the world; -1 when it fails.
    int64_t wait() {
        if (!world.run_until([this] { return result.has_value(); }, 1min))
            throw Error(Errc::timed_out, "it never ends");
        return *result ? std::chrono::duration_cast<std::chrono::milliseconds>(took).count() : -1;
    }
    std::string error() { return *result ? "no error" : result->error().text(); }
    std::string peer() { return made.transport ? made.transport->peer_address().to_string() : "nobody"; }
    // Ends the connection; what the attempts have left then.
    std::string left() {
        if (made.transport) made.transport->abort();
        world.run_for(10ms);
        return leftovers(client.reactor());
    }

    Seen seen;
    Seen made;
    sim::World world{1, {.shortest_latency = 1ms, .longest_latency = 1ms, .fragment = false}};
    sim::Host& client = world.add_host("client");
    sim::Host& server = world.add_host("server");
    std::vector<std::unique_ptr<Listener>> listeners;
    TimePoint begun{};
    Duration took{};
    std::optional<Result<>> result;
    Deferred<> connected;
};

TEST_CASE("the first address that answers at once is the only one tried") {
    Net net;
    net.start({net.good6(), net.good4()});
    CHECK(net.open_sockets() == 1);
    CHECK(net.wait() == 2);
    CHECK(net.peer() == net.good6().to_string());
    net.world.run_for(1s);
    CHECK(net.seen.events == "m");
    CHECK(net.left() == "");
}

TEST_CASE("a silent address costs the attempt delay, and is given up when another has won") {
    Net net;
    net.start({kSilent6, net.good4()});
    CHECK(net.wait() == 252);
    CHECK(net.peer() == net.good4().to_string());
    CHECK(net.made.events == "m");
    net.world.run_for(1ms);
    CHECK(net.open_sockets() == 1);
    CHECK(net.left() == "");
}

TEST_CASE("a refusal costs no delay") {
    Net net;
    net.start({net.refusing6(), net.refusing4(), net.good6()});
    CHECK(net.wait() == 6);
    CHECK(net.peer() == net.good6().to_string());
    CHECK(net.left() == "");
}

TEST_CASE("while one keeps silent, a refusal of another lets the next begin at once") {
    Net net;
    net.start({kSilent6, net.refusing4(), net.good6()});
    CHECK(net.wait() == 254);
    CHECK(net.left() == "");
}

TEST_CASE("an attempt that was overtaken by the next one may win all the same") {
    Net net;
    sim::Host& slow = net.world.add_host("slow");
    Seen seen;
    Listener listener(slow.reactor(), recording(seen), ListenerOptions());
    REQUIRE(listener.open(Address::any_ipv6(80), {}));
    net.world.partition(net.client, slow);
    net.world.at(net.world.now() + 400ms, [&] { net.world.join(); });
    net.start({slow.address_v6(80), kSilent4});
    net.world.run_for(300ms);
    CHECK(net.open_sockets() == 2);
    CHECK(net.wait() == 401);
    CHECK(net.peer() == slow.address_v6(80).to_string());
    CHECK(net.left() == "");
}

TEST_CASE("the families take turns, the one that was preferred first, and each reason is told") {
    Net net;
    net.start({net.refusing4(), net.server.address(82), net.refusing6(), net.server.address(83)});
    CHECK(net.wait() == -1);
    CHECK(
        net.error() ==
        "none of 4 addresses answers: connect to 10.0.0.2:81: Connection refused; connect to [fd00::2]:81: Connection "
        "refused; connect to 10.0.0.2:82: Connection refused; connect to 10.0.0.2:83: Connection refused");
    CHECK(net.result->error().is_errno(ECONNREFUSED));
    CHECK(net.left() == "");
}

TEST_CASE("one address alone fails with its own error, none with the reason that there is none") {
    Net net;
    net.start({net.refusing4()});
    CHECK(net.wait() == -1);
    CHECK(net.error() == "connect to 10.0.0.2:81: Connection refused");
    Net empty;
    empty.start(std::vector<Address>());
    CHECK(empty.wait() == -1);
    CHECK(empty.error() == "there is no address to connect to");
}

TEST_CASE("of very many reasons some are told, and how many more there are") {
    Net net;
    std::vector<Address> addresses;
    for (uint16_t port = 100; port < 130; ++port) addresses.push_back(net.server.address(port));
    net.start(addresses);
    CHECK(net.wait() == -1);
    CHECK(net.error().starts_with("none of 30 addresses answers: "));
    CHECK(net.error().ends_with(":107: Connection refused; and 22 more"));
}

TEST_CASE("the attempt delay is the caller's, within limits") {
    for (const auto& [given, took] : {std::pair<Duration, int64_t>{100ms, 302}, {0ms, 32}, {-1s, 32}, {1h, 6002}}) {
        Net net;
        ConnectOptions options;
        options.attempt_delay = given;
        net.start({kSilent4, kSilent6, ip("10.9.9.8"), net.good6()}, options);
        CHECK(net.wait() == took);
        CHECK(net.left() == "");
    }
}

TEST_CASE("whoever drops it leaves nothing behind, at any time") {
    for (const Duration after : {0ms, 1ms, 249ms, 250ms, 251ms, 252ms, 600ms}) {
        CAPTURE(after.count());
        Net net;
        net.start({kSilent6, kSilent4, ip("2001:db8::8"), net.good4()});
        net.world.run_for(after);
        net.connected = Deferred<>();
        net.world.run_for(3s);
        CHECK(net.made.events.empty());
        CHECK(net.seen.events.empty());
        CHECK(leftovers(net.client.reactor()) == "");
    }
}

TEST_CASE("the time limit of the caller is one error, and leaves nothing") {
    Net net;
    net.start(within(net.client.reactor(), 5s,
                     connect_to_any(net.client.reactor(), std::vector{kSilent6, kSilent4}, recording(net.made))));
    CHECK(net.wait() == -1);
    CHECK(net.result->error().is(Errc::timed_out));
    CHECK(net.left() == "");
}

TEST_CASE("what the factory says is the result, also when other addresses are left") {
    Net net;
    int asked = 0;
    net.start(connect_to_any(net.client.reactor(), std::vector{net.good6(), net.good4()},
                             [&asked]() -> std::unique_ptr<Protocol> {
                                 ++asked;
                                 return nullptr;
                             }));
    CHECK(net.wait() == -1);
    CHECK(net.error() == "the factory refused the connection");
    CHECK(asked == 1);
    CHECK(net.left() == "");
}

TEST_CASE("the factory, or the protocol, may drop what it is made for") {
    for (const bool by_factory : {true, false}) {
        Net net;
        Deferred<> connecting;
        net.made.on_event = [&](char event) {
            if (event == 'm' && !by_factory) connecting = Deferred<>();
        };
        connecting = connect_to_any(net.client.reactor(), std::vector{kSilent6, net.good4()},
                                    [&]() -> std::unique_ptr<Protocol> {
                                        if (by_factory) connecting = Deferred<>();
                                        return std::make_unique<Recording>(net.made);
                                    });
        net.world.run_for(1s);
        CHECK(net.made.events == "m");
        CHECK(!connecting);
        CHECK(net.left() == "");
    }
}

TEST_CASE("where to connect from decides the family") {
    Net net;
    ConnectOptions options;
    options.local = net.client.address(0);
    net.start({net.good6(), net.good4()}, options);
    CHECK(net.wait() == 2);
    CHECK(net.peer() == net.good4().to_string());
    CHECK(net.made.transport->local_address().host() == net.client.address(0).host());
}

TEST_CASE("a reactor that ends, ends it cancelled") {
    for (const bool silent : {true, false}) {
        sim::World world(1, {});
        std::optional<Reactor> reactor(world.make_driver());
        Seen made;
        Deferred<> connecting =
            connect_to_any(*reactor, std::vector{silent ? kSilent6 : ip("::1"), kSilent4}, recording(made));
        Deferred<Result<>> result = std::move(connecting).as_result();
        reactor.reset();
        REQUIRE(result.done());
        CHECK(std::move(result).result()->error().is(Errc::cancelled));
        CHECK(made.events.empty());
    }
}

TEST_CASE("an attempt that fails before it begins is a failure like others") {
    Reactor reactor{native_driver()};
    Seen server, client;
    Listener listener(reactor, recording(server), {});
    REQUIRE(listener.open(Address::loopback(0), {}));
    const Address good = listener.address();
    ConnectOptions options;
    options.local = ip("192.0.2.1", 0);  // not ours
    Deferred<> connecting = connect_to_any(reactor, std::vector{good, good}, recording(client), options);
    REQUIRE(run_until(reactor, [&] { return connecting.done(); }));
    const auto result = std::move(connecting).result();
    REQUIRE(!result);
    CHECK(result.error().text().starts_with("none of 2 addresses answers: "));
    CHECK(result.error().is_errno(EADDRNOTAVAIL));
}

// Answers what it was told to, after a time; families can be asked apart when it says so.
class Scripted final : public Resolver {
public:
    struct Answer {
        Duration after;
        Result<std::vector<Address>> found;
    };
    Scripted(Reactor& reactor, bool apart) : reactor_(reactor), apart_(apart) {}
    bool asks_families_apart() const noexcept override { return apart_; }

    std::optional<Answer> ipv6, ipv4, both;
    int asked = 0;
    int dropped = 0;

private:
    Deferred<std::vector<Address>> look_up(std::string host, uint16_t, Family family) override {
        ++asked;
        CHECK(host == "host");
        return answer(family == Family::ipv6   ? *ipv6
                      : family == Family::ipv4 ? *ipv4
                                               : *both)
            .finally([this] { ++dropped; });
    }
    Deferred<std::vector<Address>> answer(Answer answer) {
        if (answer.after > 0ms) co_await sleep(reactor_, answer.after);
        if (!answer.found) co_return fail(answer.found.error());
        co_return *answer.found;
    }

    Reactor& reactor_;
    const bool apart_;
};

struct Named : Net {
    explicit Named(bool apart) : resolver(client.reactor(), apart) {}
    void start_by_name(ConnectOptions options = ConnectOptions()) {
        start(connect_to_host(client.reactor(), resolver, "host", 80, recording(made), options));
    }
    Scripted resolver;
};

TEST_CASE("IPv6 addresses that come a little later than those of IPv4 are tried first") {
    struct Case {
        Duration ipv6;
        bool wins;
        int64_t took;
    };
    for (const Case& given : {Case{0ms, true, 2}, Case{49ms, true, 51}, Case{51ms, false, 52}, Case{10s, false, 52}}) {
        Named net(true);
        net.resolver.ipv4 = {0ms, {{net.good4()}}};
        net.resolver.ipv6 = {given.ipv6, {{net.good6()}}};
        net.start_by_name();
        CHECK(net.wait() == given.took);
        CHECK(net.peer() == (given.wins ? net.good6() : net.good4()).to_string());
        CHECK(net.resolver.asked == 2);
        net.connected = Deferred<>();
        CHECK(net.resolver.dropped == 2);
        CHECK(net.left() == "");
    }
}

TEST_CASE("IPv6 addresses that come first wait for nobody; that there are none ends the waiting") {
    Named first(true);
    first.resolver.ipv4 = {10s, {{first.good4()}}};
    first.resolver.ipv6 = {5ms, {{first.good6()}}};
    first.start_by_name();
    CHECK(first.wait() == 7);
    CHECK(first.left() == "");

    Named none(true);
    none.resolver.ipv4 = {0ms, {{none.good4()}}};
    none.resolver.ipv6 = {20ms, fail(Errc::not_found, "look up AAAA of \"host\": there is none")};
    none.start_by_name();
    CHECK(none.wait() == 22);
    CHECK(none.left() == "");
}

TEST_CASE("addresses that come while others are tried join them in turn") {
    Named net(true);
    net.resolver.ipv6 = {0ms, {{kSilent6, ip("2001:db8::8")}}};
    net.resolver.ipv4 = {100ms, {{net.good4()}}};
    net.start_by_name();
    CHECK(net.wait() == 252);
    CHECK(net.left() == "");

    Named refused(true);
    refused.resolver.ipv6 = {0ms, {{refused.refusing6()}}};
    refused.resolver.ipv4 = {100ms, {{refused.good4()}}};
    refused.start_by_name();
    CHECK(refused.wait() == 102);
    CHECK(refused.left() == "");
}

TEST_CASE("what the resolver says is not lost") {
    const Error missing6(Errc::not_found, "look up AAAA of \"host\": there is none");
    const Error missing4(Errc::not_found, "look up A of \"host\": there is none");
    const Error late(Errc::timed_out, "look up AAAA of \"host\": no answer");

    Named nothing(true);
    nothing.resolver.ipv6 = {1ms, fail(missing6)};
    nothing.resolver.ipv4 = {2ms, fail(missing4)};
    nothing.start_by_name();
    CHECK(nothing.wait() == -1);
    CHECK(nothing.error() == "connect to \"host\": " + missing6.text() + "; " + missing4.text());
    CHECK(nothing.result->error().is(Errc::not_found));

    Named half(true);
    half.resolver.ipv6 = {1ms, fail(late)};
    half.resolver.ipv4 = {2ms, {{half.refusing4()}}};
    half.start_by_name();
    CHECK(half.wait() == -1);
    CHECK(half.error() == "connect to \"host\": connect to 10.0.0.2:81: Connection refused; " + late.text());
    CHECK(half.result->error().is(Errc::timed_out));

    Named one(false);
    one.resolver.both = {1ms, fail(missing4)};
    one.start_by_name();
    CHECK(one.wait() == -1);
    CHECK(one.error() == missing4.text());
}

TEST_CASE("a resolver that gives both families at once decides which is preferred") {
    Named net(false);
    net.resolver.both = {1ms, {{net.good4(), net.good6()}}};
    net.start_by_name();
    CHECK(net.wait() == 3);
    CHECK(net.peer() == net.good4().to_string());
    CHECK(net.resolver.asked == 1);

    Named only(true);
    only.resolver.ipv4 = {1ms, {{only.good4()}}};
    ConnectOptions options;
    options.family = Family::ipv4;
    only.start_by_name(options);
    CHECK(only.wait() == 3);
    CHECK(only.resolver.asked == 1);
}

TEST_CASE("IP literals ask nobody") {
    Named net(true);
    net.start(connect_to_host(net.client.reactor(), net.resolver, net.good6().host(), 80, recording(net.made)));
    CHECK(net.wait() == 2);
    CHECK(net.resolver.asked == 0);
    Named wrong(true);
    ConnectOptions options;
    options.family = Family::ipv6;
    wrong.start(
        connect_to_host(wrong.client.reactor(), wrong.resolver, "10.0.0.2", 80, recording(wrong.made), options));
    CHECK(wrong.wait() == -1);
    CHECK(wrong.error() == "look up \"10.0.0.2\": it is no IPv6 address");
}

TEST_CASE("a question that ends cancelled ends the connecting so") {
    Net net;
    class Silent final : public Resolver {
    public:
        std::optional<Promise<std::vector<Address>>> promise;

    private:
        Deferred<std::vector<Address>> look_up(std::string, uint16_t, Family) override {
            promise.emplace();
            return promise->deferred();
        }
    } silent;
    net.start(connect_to_host(net.client.reactor(), silent, "host", 80, recording(net.made)));
    silent.promise.reset();
    CHECK(net.wait() == -1);
    CHECK(net.result->error().is(Errc::cancelled));
}

struct Leaving final : Protocol {
    void connection_made(Transport& transport) override { transport.close(); }
    void data_received(std::string_view) override {}
};

// Whatever the network does: it ends, and nothing is left over.
TEST_CASE("in worlds where much goes wrong it ends one way or the other") {
    const CapturedLogs quiet;
    int connected = 0;
    int refused = 0;
    for (uint64_t seed = 1; seed <= 150; ++seed) {
        CAPTURE(seed);
        sim::World world(seed);
        sim::Host& server = world.add_host("server");
        sim::Host& client = world.add_host("client");
        server.run([](Reactor& reactor) -> Deferred<> {
            Listener listener(reactor, [] { return std::make_unique<Leaving>(); }, {});
            if (const auto opened = listener.open(Address::any_ipv4(80), {}); !opened) throw opened.error();
            co_await sleep(reactor, 1h);
        });
        client.run([&](Reactor& reactor) -> Deferred<> {
            const std::vector<Address> addresses{server.address_v6(80), server.address(80), kSilent6,
                                                 server.address(81), server.address(80)};
            for (int round = 0; round < 5; ++round) {
                auto attempt = within(reactor, 20s,
                                      connect_to_any(reactor, addresses, [] { return std::make_unique<Leaving>(); }));
                const Result<> result = co_await std::move(attempt).as_result();
                ++(result ? connected : refused);
            }
        });
        world.disturb(10s);
        world.must([&] { return client.done(); }, "the client ends");
        world.finish();
    }
    CHECK(connected > 100);
    CHECK(refused > 5);
}

}  // namespace
}  // namespace bine::testing
