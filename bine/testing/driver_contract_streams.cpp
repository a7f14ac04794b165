// The Driver contract on streams that live: connecting, bytes and their order, pausing, marks, sinks.
#include <algorithm>
#include <utility>
#include <vector>

#include "bine/testing/driver_scene.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

void a_connection_is_accepted(DriverWorld& world) {
    Scene scene(world);
    const Address address = scene.listen();
    expect(address.port() != 0 || !address.is_ip(), "a free port was chosen");
    End& client = scene.connect();
    expect_equal(client.connects, 0, "connected() before a wait");
    End& server = scene.accept();
    scene.wait_until([&] { return client.connects == 1; }, "connected()");
    expect_equal(scene.driver->open_sockets(), 2, "streams");
    expect(scene.driver->peer_address(client.id) == address, "the client's peer is the listener's address");
    if (!address.is_ip()) return;
    expect(scene.driver->local_address(client.id) == scene.last_peer, "accepted() tells where the client is");
    expect(scene.driver->peer_address(server.id) == scene.last_peer, "and so does peer_address()");
    expect(scene.driver->local_address(server.id).port() == address.port(), "the server's end is at its port");
}

void new_connections_are_paused(DriverWorld& world) {
    Scene scene(world);
    End& client = scene.connect();
    End& server = scene.accept();
    scene.wait_until([&] { return client.connects == 1; }, "connected()");
    scene.driver->send(client.id, "to the server", Lifetime::copy);
    scene.driver->send(server.id, "to the client", Lifetime::copy);
    scene.settle();
    expect(client.received.empty() && server.received.empty(), "nothing is received before resume()");
    scene.driver->resume(client.id);
    scene.driver->resume(server.id);
    expect(client.received.empty() && server.received.empty(), "resume() calls nobody");
    scene.wait_until([&] { return client.received.size() == 13 && server.received.size() == 13; },
                     "both get their bytes");
}

void a_taken_address_is_refused(DriverWorld& world) {
    Scene scene(world);
    const Address address = scene.listen();
    const auto second = scene.driver->listen(address, {}, scene);
    expect(!second, "a second listener at the same address");
    expect(second.error().is_errno(98), "is told that it is in use");
}

void a_closed_listener_refuses(DriverWorld& world) {
    Scene scene(world);
    const Address address = scene.listen();
    scene.driver->close(scene.listener);
    End& client = scene.make_end();
    client.id = scene.driver->connect(address, {}, client, Lane::native).value();
    scene.wait_until([&] { return client.is_closed; }, "a connect to a closed listener ends");
    expect(client.error && client.connects == 0, "in an error");
}

void a_paused_listener_accepts_later(DriverWorld& world) {
    Scene scene(world);
    scene.listen();
    scene.driver->pause(scene.listener);
    End& client = scene.connect();
    scene.settle();
    int accepted = 0;
    scene.on_accepted = [&](SocketId id) {
        ++accepted;
        scene.driver->close(id);
    };
    scene.settle();
    expect_equal(accepted, 0, "accepted while the listener is paused");
    scene.driver->resume(scene.listener);
    scene.wait_until([&] { return accepted == 1; }, "accepted after resume()");
    scene.driver->resume(client.id);
    scene.wait_until([&] { return client.ended || client.is_closed; }, "close() inside accepted() is heard there");
}

void a_small_echo(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    server.on_data = [&](std::string_view bytes) { scene.driver->send(server.id, bytes, Lifetime::copy); };
    for (int i = 1; i <= 20; ++i) {
        const std::string message = pattern(static_cast<std::size_t>(i) * 7, static_cast<uint64_t>(i));
        client.received.clear();
        scene.driver->send(client.id, message, Lifetime::copy);
        scene.wait_until([&] { return client.received.size() >= message.size(); }, "the echo");
        expect_equal(client.received, message, "the echo");
    }
    expect_equal(scene.driver->queued(client.id), 0, "queued at the end");
}

// Received bytes are lent to send(): they must be gone out or kept when the sink returns.
void a_large_echo_of_received_bytes(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    server.on_data = [&](std::string_view bytes) { scene.driver->send(server.id, bytes, Lifetime::copy); };
    const std::string message = pattern(4 << 20);
    scene.driver->send(client.id, message, Lifetime::fixed);
    scene.wait_until([&] { return client.received.size() >= message.size(); }, "the echo");
    expect_equal(client.received, message, "the echo");
}

void a_large_echo_with_pauses(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    const std::string message = pattern(6 << 20);
    Driver& driver = *scene.driver;
    server.on_data = [&](std::string_view bytes) {
        driver.send(server.id, bytes, Lifetime::copy);
        if (driver.queued(server.id) > 256 * 1024) driver.pause(server.id);
    };
    server.on_drained = [&] { driver.resume(server.id); };
    client.on_data = [&](std::string_view) {
        if (client.pieces % 8 == 0) driver.pause(client.id);
    };
    driver.send(client.id, message, Lifetime::copy);
    scene.wait_until(
        [&] {
            driver.resume(client.id);
            return client.received.size() >= message.size();
        },
        "the echo");
    expect_equal(client.received, message, "the echo");
}

void the_order_is_kept(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    static const std::string fixed = pattern(3000, 99);
    std::string wanted;
    for (uint64_t i = 0; i < 400; ++i) {
        const std::string piece = pattern((i * i * 37) % 30000, i);
        switch (i % 4) {
            case 0:
            case 1: scene.driver->send(client.id, piece, Lifetime::copy); break;
            case 2: scene.driver->send(client.id, fixed, Lifetime::fixed); break;
            default: {
                Output output;
                output.append(piece);
                output.append(SharedBytes::copy(fixed));
                scene.driver->send(client.id, std::move(output));
                wanted += piece;
            }
        }
        wanted += i % 4 < 2 ? std::string_view(piece) : std::string_view(fixed);
        if (i % 16 == 0) scene.wait(TimePoint::min());
    }
    scene.wait_until([&] { return server.received.size() >= wanted.size(); }, "all arrives");
    expect_equal(server.received, wanted, "what arrives");
}

void bytes_sent_while_connecting_arrive(DriverWorld& world) {
    Scene scene(world);
    End& client = scene.connect();
    scene.driver->send(client.id, "early ", Lifetime::copy);
    client.on_connected = [&] { scene.driver->send(client.id, "late", Lifetime::copy); };
    End& server = scene.accept();
    scene.driver->resume(server.id);
    scene.wait_until([&] { return server.received.size() >= 10; }, "they arrive");
    expect_equal(server.received, "early late", "what arrives");
}

void a_paused_end_hears_no_data_and_no_end(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->pause(server.id);
    const std::string message = pattern(100'000);
    scene.driver->send(client.id, message, Lifetime::copy);
    scene.driver->shutdown(client.id);
    scene.settle();
    scene.settle();
    expect(server.received.empty() && !server.ended, "nothing while paused");
    scene.driver->resume(server.id);
    scene.wait_until([&] { return server.ended; }, "the end, behind the data");
    expect_equal(server.received, message, "what came before the end");
}

void pausing_inside_data_received_stops_it(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    const std::string message = pattern(1 << 20);
    server.on_data = [&](std::string_view) { scene.driver->pause(server.id); };
    scene.driver->send(client.id, message, Lifetime::copy);
    scene.driver->shutdown(client.id);
    int resumed = 0;
    scene.wait_until(
        [&] {
            expect(server.pieces <= resumed + 1, "one piece after each resume()");
            resumed = server.pieces;
            scene.driver->resume(server.id);
            return server.ended;
        },
        "the end, behind the data");
    expect_equal(server.received, message, "what came before the end");
}

void flush_sends_in_order_and_calls_nobody(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    Driver& driver = *scene.driver;
    const std::string much = pattern(world.more_than_fits(), 3);
    driver.set_low_mark(client.id, 0);
    driver.send(client.id, "first ", Lifetime::copy);
    driver.flush(client.id);
    driver.send(client.id, much, Lifetime::copy);
    driver.flush(client.id);
    driver.send(client.id, " last", Lifetime::copy);
    driver.flush(client.id);
    expect(driver.queued(client.id) > 0, "more than fits waits");
    expect_equal(client.drains, 0, "flush() calls nobody");
    scene.wait_until([&] { return server.received.size() == much.size() + 11 && client.drains > 0; }, "all of it");
    expect(server.received == "first " + much + " last", "in order");
    driver.shutdown(client.id);
    driver.flush(client.id);
    scene.wait_until([&] { return server.ended; }, "the end");
}

void a_low_mark_holds_for_what_is_queued(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    Driver& driver = *scene.driver;
    driver.set_low_mark(client.id, 1000);
    driver.send(client.id, "below it", Lifetime::copy);
    driver.set_low_mark(client.id, 0);
    scene.wait_until([&] { return client.drains == 1 && server.received == "below it"; }, "drained()");
}

void the_low_mark_drains(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    Driver& driver = *scene.driver;
    driver.set_low_mark(client.id, 50'000);
    driver.send(client.id, pattern(40'000), Lifetime::copy);
    driver.pause(server.id);
    scene.settle();
    expect_equal(client.drains, 0, "drained() of a queue that was never above the mark");
    const std::string message = pattern(world.more_than_fits());
    driver.send(client.id, message, Lifetime::copy);
    scene.settle();
    expect(driver.queued(client.id) > 50'000, "more is queued than the network takes");
    expect_equal(client.drains, 0, "drained() above the mark");
    client.on_drained = [&] {
        if (driver.queued(client.id) > 50'000) scene.breach("drained() above the mark");
    };
    driver.resume(server.id);
    scene.wait_until([&] { return server.received.size() == message.size() + 40'000; }, "all arrives");
    scene.wait_until([&] { return client.drains > 0; }, "drained()");
    scene.settle();
    expect_equal(client.drains, 1, "drained() calls");
    expect_equal(driver.queued(client.id), 0, "queued at the end");
    expect_equal(std::string_view(server.received).substr(40'000), message, "what arrives");
}

void a_sink_can_be_exchanged_in_mid_stream(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    End& second = scene.make_end();
    second.id = server.id;
    server.on_data = [&](std::string_view) { scene.driver->set_sink(server.id, second, Lane::native, false); };
    const std::string message = pattern(1 << 20);
    scene.driver->send(client.id, message, Lifetime::copy);
    scene.wait_until([&] { return server.received.size() + second.received.size() >= message.size(); }, "all arrives");
    expect_equal(server.pieces, 1, "pieces for the first sink");
    expect_equal(server.received + second.received, message, "what both got");
    scene.driver->shutdown(client.id);
    scene.wait_until([&] { return second.ended; }, "the second one hears the end");
    expect(!server.ended, "and the first does not");
}

void asked_for_bytes_lie_where_they_were_asked_for(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    std::string memory(1000, '\0');
    server.room = memory;
    scene.driver->set_sink(server.id, server, Lane::native, true);
    const std::string message = pattern(100'000);
    scene.driver->send(client.id, message, Lifetime::copy);
    scene.driver->shutdown(client.id);
    std::size_t longest = 0;
    server.on_data = [&](std::string_view bytes) { longest = std::max(longest, bytes.size()); };
    scene.wait_until([&] { return server.ended; }, "the end");
    expect_equal(server.received, message, "what arrives");
    expect(longest <= memory.size(), "no more than was asked for");
}

void no_room_pauses_an_asked_for_end(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->set_sink(server.id, server, Lane::native, true);
    scene.driver->send(client.id, "waiting", Lifetime::copy);
    scene.driver->shutdown(client.id);
    scene.settle();
    const int asked = server.buffers_asked;
    scene.settle();
    expect_equal(server.buffers_asked, asked, "times asked for room while there is none");
    expect(server.received.empty() && !server.ended, "nothing comes without room");
    std::string memory(4, '\0');
    server.room = memory;
    scene.driver->resume(server.id);
    scene.wait_until([&] { return server.ended; }, "the end");
    expect_equal(server.received, "waiting", "what arrives");
}

void asking_can_begin_and_end_in_mid_stream(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    std::string memory(512, '\0');
    const std::string message = pattern(1 << 20);
    server.on_data = [&](std::string_view) {
        const bool ask = server.pieces % 2 == 1;
        server.room = ask ? std::span<char>(memory) : std::span<char>();
        scene.driver->set_sink(server.id, server, Lane::native, ask);
    };
    scene.driver->send(client.id, message, Lifetime::copy);
    scene.wait_until([&] { return server.received.size() >= message.size(); }, "all arrives");
    expect_equal(server.received, message, "what arrives");
}

// A turn inside a callback must not overwrite what the callback looks at.
void a_nested_wait_keeps_the_outer_bytes(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    auto [other_client, other_server] = scene.pair();
    bool nested = false;
    std::string before, after;
    server.on_data = [&](std::string_view bytes) {
        if (std::exchange(nested, true)) return;
        before = bytes;
        scene.driver->send(other_client.id, pattern(50'000, 7), Lifetime::copy);
        scene.driver->send(client.id, pattern(50'000, 8), Lifetime::copy);
        while (other_server.received.size() < 50'000) scene.wait(scene.driver->now() + 10s);
        after = bytes;
    };
    scene.driver->send(client.id, pattern(5000, 3), Lifetime::copy);
    scene.wait_until([&] { return server.received.size() >= 55'000; }, "all arrives");
    expect(nested, "a wait was nested");
    expect_equal(after, before, "the outer bytes after the inner wait");
    expect_equal(other_server.received, pattern(50'000, 7), "what the inner wait received");
}

void a_nested_wait_may_end_the_outer_connection(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    server.on_data = [&](std::string_view) {
        scene.driver->abort(server.id);
        while (!server.is_closed) scene.wait(scene.driver->now() + 10s);
    };
    scene.driver->send(client.id, pattern(5000), Lifetime::copy);
    scene.wait_until([&] { return server.is_closed && (client.is_closed || client.ended); }, "both have ended");
    expect_equal(server.pieces, 1, "pieces");
}

void many_connections_keep_apart(DriverWorld& world) {
    Scene scene(world);
    std::vector<Scene::Pair> pairs;
    for (int i = 0; i < 100; ++i) pairs.push_back(scene.pair());
    uint64_t seed = 0;
    for (auto& [client, server] : pairs) {
        End* echo = &server;
        server.on_data = [&scene, echo](std::string_view bytes) {
            scene.driver->send(echo->id, bytes, Lifetime::copy);
        };
        scene.driver->send(client.id, pattern(2000, ++seed), Lifetime::copy);
    }
    const auto done = [&] {
        return std::all_of(pairs.begin(), pairs.end(), [](auto& p) { return p.client.received.size() >= 2000; });
    };
    scene.wait_until(done, "all echoes");
    seed = 0;
    for (auto& [client, server] : pairs) expect_equal(client.received, pattern(2000, ++seed), "an echo");
}

void a_flood_does_not_starve_others(DriverWorld& world) {
    Scene scene(world);
    auto [flooder, victim] = scene.pair();
    auto [client, server] = scene.pair();
    scene.driver->send(flooder.id, pattern(world.more_than_fits()), Lifetime::copy);
    scene.wait_until([&] { return !victim.received.empty(); }, "the flood arrives");
    scene.driver->send(client.id, "a word", Lifetime::copy);
    scene.wait_until([&] { return !server.received.empty(); }, "a word gets through");
    expect(victim.received.size() < world.more_than_fits(), "before the flood is over");
}

constexpr DriverCase kCases[] = {
    {"a connection is accepted, and both ends know where they are", a_connection_is_accepted},
    {"new connections are paused", new_connections_are_paused},
    {"a taken address is refused", a_taken_address_is_refused},
    {"a closed listener refuses", a_closed_listener_refuses},
    {"a paused listener accepts later", a_paused_listener_accepts_later},
    {"a small echo", a_small_echo},
    {"a large echo of received bytes", a_large_echo_of_received_bytes},
    {"a large echo with pauses on both sides", a_large_echo_with_pauses},
    {"the order is kept, whatever the lifetime of the pieces", the_order_is_kept},
    {"bytes sent while connecting arrive", bytes_sent_while_connecting_arrive},
    {"a paused end hears no data, and no end before held data", a_paused_end_hears_no_data_and_no_end},
    {"pausing inside data_received stops it", pausing_inside_data_received_stops_it},
    {"the low mark drains, once", the_low_mark_drains},
    {"a low mark holds for what is queued", a_low_mark_holds_for_what_is_queued},
    {"flush() sends in order and calls nobody", flush_sends_in_order_and_calls_nobody},
    {"a sink can be exchanged in mid-stream", a_sink_can_be_exchanged_in_mid_stream},
    {"asked-for bytes lie where they were asked for", asked_for_bytes_lie_where_they_were_asked_for},
    {"no room pauses an asked-for end", no_room_pauses_an_asked_for_end},
    {"asking can begin and end in mid-stream", asking_can_begin_and_end_in_mid_stream},
    {"a nested wait keeps the outer bytes", a_nested_wait_keeps_the_outer_bytes},
    {"a nested wait may end the outer connection", a_nested_wait_may_end_the_outer_connection},
    {"many connections keep apart", many_connections_keep_apart},
    {"a flood does not starve others", a_flood_does_not_starve_others},
};

}  // namespace

std::span<const DriverCase> driver_stream_cases() { return kCases; }

}  // namespace bine::testing
