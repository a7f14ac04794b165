// Connections, endpoints and datagrams.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "bine/async/sleep.h"
#include "bine/async/within.h"
#include "bine/net/connection_ref.h"
#include "bine/net/happy_eyeballs.h"
#include "bine/net/line_protocol.h"
#include "bine/net/udp.h"
#include "scenarios.h"
#include "scenes.h"

namespace bine::tests {

namespace {

using namespace std::chrono_literals;
using sim::Host;
using sim::World;

// Echoes what comes, in pieces of any size, until the other side ends; then says how much it was.
Deferred<> echo_and_count(World& world, Stream& stream) {
    uint64_t count = 0;
    while (true) {
        const std::string bytes = co_await stream.read_some(1 + world.choose("read at most", 5000));
        if (bytes.empty()) break;
        count += bytes.size();
        co_await stream.write(bytes);
    }
    co_await stream.write("total " + std::to_string(count) + "\n");
}

Deferred<> serve_echo(World& world, Reactor& reactor, std::string_view endpoint) {
    auto port = co_await listen(reactor, endpoint,
                                [&world](Stream stream) -> Deferred<> { co_await echo_and_count(world, stream); });
    co_await port.closed();
}

Deferred<std::string> converse(World& world, Reactor& reactor, Stream& stream, const std::string& bytes) {
    auto writing = write_in_pieces(world, reactor, stream, bytes);
    std::string back;
    while (back.size() < bytes.size()) {
        const std::size_t most =
            std::min<std::size_t>(bytes.size() - back.size(), 1 + world.choose("read at most", 5000));
        const std::string piece = co_await stream.read_some(most);
        if (piece.empty()) break;
        back += piece;
    }
    co_await std::move(writing);
    stream.shutdown_writing();
    const std::string rest = co_await stream.read_all();
    co_return back + rest;
}

// Now and then more than a transport takes before it tells its writer to pause, and no more than leaves in the same turn.
std::size_t text_size(World& world) {
    if (world.one_in("a long text", 8)) return 66'000 + world.choose("how much more text", 14'000);
    return 1 + world.choose("how much text", 60'000);
}

Deferred<> talk(World& world, Reactor& reactor, std::string endpoint, int& whole) {
    for (int i = 0; i < 3; ++i) {
        auto stream = co_await dial(reactor, endpoint);
        if (!stream) co_return;
        const uint64_t which = world.choose("which text", 1000);  // one choice a statement: arguments have no order
        const std::string bytes = pattern(which, text_size(world));
        auto said = co_await converse(world, reactor, *stream, bytes).as_result();
        if (said) {
            world.check(*said == bytes + "total " + std::to_string(bytes.size()) + "\n",
                        "an echo is what was said, and its length");
            ++whole;
        }
        if (world.network().reset == 0) world.check(said.has_value(), "without resets, a conversation is whole");
        world.sometimes(!said, "echo: a conversation breaks off");
    }
}

// Half-close, backpressure, any segmentation, over names, addresses and Unix paths.
void echo(World& world) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kWays{{
        {"tcp:7", "tcp:server:7"},
        {"tcp6:7", "tcp:[fd00::1]:7"},
        {"tcp:7:interface=10.0.0.1", "tcp:10.0.0.1:7"},
        {"unix:/run/echo", "unix:/run/echo"},
    }};
    const auto& way = kWays[world.choose("over which endpoint", kWays.size())];
    const std::string_view listens = way.first;
    const std::string_view dials = way.second;
    int whole = 0;
    Host& server = world.add_host("server");
    bool local_done = true;
    if (dials.starts_with("unix")) {
        local_done = false;
        server.run([&](Reactor& reactor) -> Deferred<> {
            auto serving = serve_echo(world, reactor, listens);
            co_await talk(world, reactor, std::string(dials), whole);
            local_done = true;
            serving.cancel();
        });
        world.must([&] { return local_done; }, "the client of the same host ends", 2h);
    } else {
        server.run([&](Reactor& reactor) { return serve_echo(world, reactor, listens); });
        Host& client = world.add_host("client");
        client.run([&](Reactor& reactor) { return talk(world, reactor, std::string(dials), whole); });
        world.must([&] { return client.done(); }, "the client ends", 2h);
    }
    world.sometimes(whole == 3, "echo: all conversations are whole");
    world.finish();
}

// What a proxy says of 192.0.2.`host`:`port`, which came to 198.51.100.1:443; in version 1 or 2.
std::string proxy_header(uint64_t version, uint8_t host, uint16_t port) {
    if (version == 1) {
        return "PROXY TCP4 192.0.2." + std::to_string(host) + " 198.51.100.1 " + std::to_string(port) + " 443\r\n";
    }
    std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
    for (const int byte : {192, 0, 2, int{host}, 198, 51, 100, 1, port >> 8, port & 255, 443 >> 8, 443 & 255}) {
        header += static_cast<char>(byte);
    }
    return header;
}

// A proxy tells whose connection it is; what follows the header is the client's, byte by byte.
Deferred<> speak_as_proxy(World& world, Reactor& reactor, std::map<std::string, std::string>& sent) {
    for (uint8_t i = 1; i <= 3; ++i) {
        auto stream = co_await dial(reactor, "tcp:server:80");
        if (!stream) co_return;
        const auto port = static_cast<uint16_t>(1000 + i);
        const std::string header = proxy_header(1 + world.choose("PROXY version 2", 2), i, port);
        const std::string text = pattern(i, 1 + world.choose("how much text", 3000));
        sent["192.0.2." + std::to_string(i) + ":" + std::to_string(port)] = text;
        const auto written = co_await write_in_pieces(world, reactor, *stream, header + text).as_result();
        stream->shutdown_writing();
        if (written) co_await stream->read_all().as_result();
    }
}

void proxied(World& world) {
    std::map<std::string, std::string> sent, received;
    Host& server = world.add_host("server");
    server.run([&](Reactor& reactor) -> Deferred<> {
        auto port = co_await listen(reactor, "haproxy:tcp:80", [&](Stream stream) -> Deferred<> {
            const std::string who = stream.transport()->peer_address().to_string();
            auto text = co_await stream.read_all().as_result();
            if (text) received[who] = *text;
        });
        co_await port.closed();
    });
    Host& proxy = world.add_host("proxy");
    proxy.run([&](Reactor& reactor) { return speak_as_proxy(world, reactor, sent); });
    world.must([&] { return proxy.done(); }, "the proxy ends", 2h);
    world.run_for(1min);
    for (const auto& [who, text] : received) {
        world.check(sent.contains(who), "a peer is the one that the proxy told");
        world.check(sent[who] == text, "what follows the header is the client's");
    }
    if (world.network().reset == 0)
        world.check(received.size() == sent.size(), "without resets, every client is heard");
    world.sometimes(received.size() == 3, "proxied: every client is heard");
    world.finish();
}

// A question that is asked again until its answer comes, over datagrams that are lost, doubled and late.
Deferred<> ask_datagrams(World& world, Reactor& reactor, Address server, int& answered) {
    std::set<std::string> open;
    UdpSocket socket(
        reactor, Address(),
        [&](std::string_view bytes, const Address& from) {
            world.check(from == server, "a connected socket hears one peer");
            if (open.erase(std::string(bytes)) > 0) ++answered;
        },
        server);
    for (int i = 0; i < 10; ++i) {
        const std::string question = "question " + std::to_string(i);
        open.insert(question);
        for (int attempt = 0; attempt < 60 && open.contains(question); ++attempt) {
            (void)socket.send(question);
            co_await sleep(reactor, 1s);
            world.sometimes(attempt > 1, "datagrams: a question is asked three times");
        }
    }
}

void datagrams(World& world) {
    int answered = 0;
    Host& server = world.add_host("server");
    server.run([&](Reactor& reactor) -> Deferred<> {
        std::optional<UdpSocket> socket;
        socket.emplace(reactor, Address::any_ipv4(53),
                       [&socket](std::string_view bytes, const Address& from) { (void)socket->send_to(bytes, from); });
        co_await sleep(reactor, 24h);
    });
    Host& client = world.add_host("client");
    client.run([&](Reactor& reactor) { return ask_datagrams(world, reactor, server.address(53), answered); });
    world.must([&] { return client.done(); }, "the client ends", 2h);
    world.check(answered == 10, "every question is answered when it is asked often enough");
    world.finish();
}

// Whoever connects where nobody is, or to whom nothing gets through, hears of it in the end.
void nobody(World& world) {
    Host& client = world.add_host("client");
    Host& far = world.add_host("far");
    const bool parted = world.one_in("the far host is parted", 2);
    if (parted) world.partition(far);
    int heard = 0;
    client.run([&](Reactor& reactor) -> Deferred<> {
        for (const std::string_view endpoint :
             {"tcp:far:1", "tcp:10.9.9.9:1", "tcp:nowhere:1", "tcp:127.0.0.1:1", "unix:/none"}) {
            auto outcome = co_await connect(reactor, endpoint).as_result();
            world.check(!outcome, "nobody is there");
            ++heard;
        }
    });
    world.must([&] { return client.done(); }, "every attempt ends", 2h);
    world.check(heard == 5, "every attempt is heard of");
    world.run_for(1s);
    world.check(client.reactor().driver().open_sockets() == 0, "an attempt that was given up leaves nothing");
    world.finish();
}

// A peer that vanishes without a word: an idle timeout notices, and nothing is left of it.
void vanishing(World& world) {
    int lost = 0, made = 0;
    Host& server = world.add_host("server");
    server.run([&](Reactor& reactor) -> Deferred<> {
        ListenerOptions options;
        options.connection.idle_timeout = 30s;
        auto port = co_await listen(
            reactor, "tcp:7",
            [&](Stream stream) -> Deferred<> {
                ++made;
                const auto ended = co_await stream.read_all().as_result();
                (void)ended;
                ++lost;
            },
            options);
        co_await port.closed();
    });
    Host& client = world.add_host("client");
    client.run([&](Reactor& reactor) -> Deferred<> {
        auto stream = co_await dial(reactor, "tcp:server:7");
        while (stream) {
            if (!co_await stream->write("here ").as_result()) break;
            co_await sleep(reactor, 5s);
        }
        co_await sleep(reactor, 24h);
    });
    world.run_for(20s);
    client.crash();
    world.must([&] { return lost == made; }, "the server notices that its peer is gone", 5min);
    world.sometimes(made > 0, "vanishing: a peer that was there vanishes");
    world.finish();
}

// Who is in a room, or was: references outlive connections.
struct Room {
    World& world;
    std::vector<ConnectionRef> members;
    int present = 0;
};

// A protocol without coroutines. Everybody hears what a member says, until that says "bye".
class Member final : public LineProtocol {
public:
    explicit Member(Room& room) : room_(room) {}

    void connection_made(Transport& transport) override {
        LineProtocol::connection_made(transport);
        room_.world.check(!self_, "a connection is made once");
        self_ = transport.ref();
        room_.members.push_back(self_);
        ++room_.present;
    }
    void line_received(std::string_view line) override {
        room_.world.check(self_ && !gone_, "a member is told nothing before its first event nor behind its end");
        if (line == "bye") {
            gone_ = true;
            return transport().close();
        }
        const std::string said = std::string(line) + "\r\n";
        if (room_.world.one_in("a member turns its reactor", 8)) transport().reactor().turn(TimePoint::min());
        for (const ConnectionRef& one : room_.members) one.write(said);
        if (gone_) return;
        if (room_.world.one_in("a member is thrown out", 40)) {
            gone_ = true;
            transport().abort();
        }
    }
    void connection_lost(const CloseReason&) override {
        room_.world.check(!lost_, "a connection is lost once");
        room_.world.check(!self_, "a reference to a connection that is lost leads nowhere");
        gone_ = lost_ = true;
        --room_.present;
    }

private:
    Room& room_;
    ConnectionRef self_;
    bool gone_ = false;
    bool lost_ = false;
};

constexpr int kSaid = 15;

// Says numbered lines, and says on behind its "bye". What it hears is in each speaker's order.
Deferred<> chat(World& world, Reactor& reactor, int number) {
    auto stream = co_await dial(reactor, "tcp:server:6667");
    if (!stream) co_return;
    std::string text;
    for (int i = 0; i < kSaid; ++i) text += std::to_string(number) + " " + std::to_string(i) + "\r\n";
    auto writing = write_in_pieces(world, reactor, *stream, text + "bye\r\nlate\r\n");
    std::map<std::string, int> next;
    while (true) {
        const auto line = co_await stream->next_line().as_result();
        if (!line || !*line) break;
        const std::size_t space = (**line).find(' ');
        const std::string who = (**line).substr(0, space);
        const std::string what = space == std::string::npos ? "" : (**line).substr(space + 1);
        const auto heard = next.emplace(who, std::atoi(what.c_str())).first;
        world.check(what == std::to_string(heard->second++), "what a member says is heard once, whole, and in order");
    }
    co_await std::move(writing).as_result();
    world.sometimes(next[std::to_string(number)] == kSaid, "room: a member hears all that it said");
}

void room(World& world) {
    Room here{.world = world, .members = {}};
    Host& server = world.add_host("server");
    server.run([&here](Reactor& reactor) -> Deferred<> {
        auto port = co_await listen(reactor, "tcp:6667", Factory([&here] { return std::make_unique<Member>(here); }));
        co_await port.closed();
    });
    std::vector<Host*> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(&world.add_host("client" + std::to_string(i)));
        clients.back()->run([&world, i](Reactor& reactor) { return chat(world, reactor, i); });
    }
    for (const Host* client : clients) world.must([client] { return client->done(); }, "every client ends", 2h);
    world.must([&here] { return here.present == 0; }, "nobody stays whose client has ended", 2h);
    world.finish();
}

// Stays until the other side leaves.
struct Guest final : Protocol {
    explicit Guest(int& c) : count(c) {}
    void connection_made(Transport&) override { ++count; }
    void data_received(std::string_view) override {}
    void connection_lost(const CloseReason&) override { --count; }
    int& count;
};

// Has come, and leaves again.
struct Leaving final : Protocol {
    explicit Leaving(int& c) : came(c) {}
    void connection_made(Transport& transport) override {
        ++came;
        transport.close();
    }
    void data_received(std::string_view) override {}
    int& came;
};

// Some of the addresses of a host, in any order: those where somebody listens, where nobody does, where nobody is.
std::vector<Address> some_addresses(World& world, const Host& server) {
    const std::array<Address, 5> all{server.address_v6(80), server.address(80), server.address(81),
                                     server.address_v6(81), *Address::try_parse_ip("10.9.9.9", 80)};
    std::vector<Address> chosen(1 + world.choose("how many addresses", 6));
    for (Address& address : chosen) address = all[world.choose("which address", all.size())];
    return chosen;
}

Deferred<> race_to(World& world, Reactor& reactor, const Host& server, int& came, int& won) {
    for (int round = 0; round < 5; ++round) {
        const std::vector<Address> addresses = some_addresses(world, server);
        const bool hopeful = std::any_of(addresses.begin(), addresses.end(), [&](const Address& one) {
            return one == server.address_v6(80) || one == server.address(80);
        });
        const int before = came;
        const Duration patience = world.one_in("little patience", 4) ? Duration(300ms) : Duration(20s);
        Factory factory = [&came] { return std::make_unique<Leaving>(came); };
        auto attempt = within(reactor, patience, connect_to_any(reactor, addresses, std::move(factory)));
        const Result<> result = co_await std::move(attempt).as_result();
        if (result) ++won;
        if (!hopeful) world.check(!result, "nobody is reached where nobody listens");
        world.check(came == before + (result ? 1 : 0), "of those that race one wins, or none");
        world.sometimes(result && addresses.size() > 2, "eyeballs: one of many wins");
        world.sometimes(!result && result.error().is(Errc::timed_out), "eyeballs: patience ends");
        world.sometimes(hopeful && !result, "eyeballs: none answers though one listens");
    }
}

// Of several addresses one is connected to, whatever the network does to the others; nothing stays of the losers.
void happy_eyeballs(World& world) {
    int at_server = 0, came = 0, won = 0;
    Host& server = world.add_host("server");
    server.run([&](Reactor& reactor) -> Deferred<> {
        const auto guests = [&] { return Factory([&] { return std::make_unique<Guest>(at_server); }); };
        auto four = co_await listen(reactor, "tcp:80", guests());
        auto six = co_await listen(reactor, "tcp6:80", guests());
        co_await four.closed();
    });
    Host& client = world.add_host("client");
    client.run([&](Reactor& reactor) { return race_to(world, reactor, server, came, won); });
    world.must([&] { return client.done(); }, "the client ends", 2h);
    world.must([&] { return at_server == 0; }, "nobody stays when the client has ended", 2h);
    world.sometimes(won == 5, "eyeballs: every race is won");
    world.finish();
}

}  // namespace

std::vector<sim::Scenario> net_scenarios() {
    std::vector<sim::Scenario> all;
    all.push_back({"net-echo", echo});
    all.push_back({"net-proxied", proxied});
    all.push_back({"net-datagrams", datagrams});
    all.push_back({"net-nobody", nobody});
    all.push_back({"net-vanishing", vanishing});
    all.push_back({"net-room", room});
    all.push_back({"net-happy-eyeballs", happy_eyeballs});
    return all;
}

}  // namespace bine::tests
