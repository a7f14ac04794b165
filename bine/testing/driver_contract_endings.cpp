// The Driver contract on how streams end: closed() comes once, last, from a later wait, with the right word.
#include <cerrno>

#include "bine/testing/driver_scene.h"

namespace bine::testing {
namespace {

bool is_reset(const std::optional<Error>& error) {
    return error && (error->is_errno(ECONNRESET) || error->is_errno(EPIPE));
}

// An end that was aborted over there: told as a reset, or, where there are no resets, perhaps as an end.
bool is_cut(DriverWorld& world, const End& end) { return end.is_closed || (end.ended && !world.resets()); }

void expect_cut(DriverWorld& world, const End& end) {
    if (!world.resets()) return;
    expect(is_reset(end.error), "the other side sees a reset");
    expect(!end.ended, "and no end");
}

void half_close_by_the_client(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->send(client.id, "question", Lifetime::copy);
    scene.driver->shutdown(client.id);
    scene.driver->send(client.id, "too late", Lifetime::copy);
    scene.wait_until([&] { return server.ended; }, "the server hears the end");
    expect_equal(server.received, "question", "what came before it");
    const std::string answer = pattern(300'000);
    scene.driver->send(server.id, answer, Lifetime::copy);
    scene.wait_until([&] { return client.received.size() >= answer.size(); }, "the answer");
    expect(!client.ended && !client.is_closed && !server.is_closed, "the other direction goes on");
    scene.driver->shutdown(server.id);
    scene.wait_until([&] { return client.is_closed && server.is_closed; }, "both are closed");
    expect(client.ended, "the client hears the end before");
    expect(!client.error && !server.error, "in good order");
    expect_equal(client.received, answer, "the answer");
    expect_equal(scene.driver->open_sockets(), 0, "streams left");
}

void half_close_by_the_server(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->send(server.id, "greeting", Lifetime::copy);
    scene.driver->shutdown(server.id);
    scene.wait_until([&] { return client.ended; }, "the client hears the end");
    scene.driver->send(client.id, "thanks", Lifetime::copy);
    scene.driver->shutdown(client.id);
    scene.wait_until([&] { return client.is_closed && server.is_closed; }, "both are closed");
    expect(!client.error && !server.error, "in good order");
    expect_equal(server.received, "thanks", "what the server got");
}

void both_shut_down_at_once(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->send(client.id, "a", Lifetime::copy);
    scene.driver->send(server.id, "b", Lifetime::copy);
    scene.driver->shutdown(client.id);
    scene.driver->shutdown(server.id);
    scene.wait_until([&] { return client.is_closed && server.is_closed; }, "both are closed");
    expect(client.ended && server.ended && !client.error && !server.error, "in good order");
    expect_equal(client.received + server.received, "ba", "what they got");
}

void shutdown_while_connecting_comes_after_the_bytes(DriverWorld& world) {
    Scene scene(world);
    End& client = scene.connect();
    scene.driver->send(client.id, "hello", Lifetime::copy);
    scene.driver->shutdown(client.id);
    End& server = scene.accept();
    scene.driver->resume(server.id);
    scene.wait_until([&] { return server.ended; }, "the end");
    expect_equal(server.received, "hello", "what came before it");
    expect_equal(client.connects, 1, "connected()");
}

void close_flushes(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    const std::string message = pattern(5 << 20);
    scene.driver->send(client.id, message, Lifetime::copy);
    scene.driver->close(client.id);
    scene.driver->send(client.id, "too late", Lifetime::copy);
    scene.driver->close(client.id);
    const uint64_t asked = scene.waits();
    expect(!client.is_closed, "close() calls nobody");
    server.on_end = [&] { scene.driver->close(server.id); };
    scene.wait_until([&] { return client.is_closed && server.is_closed; }, "both are closed");
    expect(client.closed_in_wait > asked, "closed() from a later wait");
    expect(!client.error && !server.error, "in good order");
    expect_equal(server.received, message, "what arrives");
    scene.wait_until([&] { return scene.driver->open_sockets() == 0; }, "nothing is left");
}

void close_of_an_idle_connection(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->close(server.id);
    expect(!server.is_closed, "close() calls nobody");
    scene.wait_until([&] { return server.is_closed; }, "closed()");
    expect(!server.error, "in good order");
    scene.wait_until([&] { return client.ended; }, "the other side hears the end");
    scene.driver->close(client.id);
    scene.wait_until([&] { return client.is_closed && scene.driver->open_sockets() == 0; }, "it closes too");
    expect(!client.error, "in good order");
}

void close_of_a_paused_connection(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->pause(server.id);
    scene.driver->close(server.id);
    scene.wait_until([&] { return server.is_closed; }, "closed() comes while paused");
    expect(!server.error && !server.ended, "in good order, without an end");
    scene.wait_until([&] { return client.ended; }, "the other side hears the end");
}

void close_inside_data_received(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    uint64_t closing_wait = 0;
    server.on_data = [&](std::string_view) {
        closing_wait = scene.waits();
        scene.driver->close(server.id);
    };
    scene.driver->send(client.id, pattern(1 << 20), Lifetime::copy);
    scene.wait_until([&] { return server.is_closed; }, "closed()");
    expect_equal(server.pieces, 1, "pieces received");
    expect(server.closed_in_wait > closing_wait, "closed() from a later wait");
    expect(!server.error, "in good order");
}

void abort_inside_data_received(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    uint64_t closing_wait = 0;
    server.on_data = [&](std::string_view) {
        closing_wait = scene.waits();
        scene.driver->abort(server.id);
        scene.driver->send(server.id, "nobody", Lifetime::copy);
    };
    scene.driver->send(client.id, pattern(1 << 20), Lifetime::copy);
    scene.wait_until([&] { return server.is_closed && is_cut(world, client); }, "closed()");
    expect_equal(server.pieces, 1, "pieces received");
    expect(server.closed_in_wait > closing_wait, "closed() from a later wait");
    expect(!server.error, "an abort of our own is no error");
    expect_cut(world, client);
}

// Without care the system answers unread input with a reset, which kills what was sent before.
void close_with_unread_input_loses_nothing(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->pause(server.id);
    scene.driver->pause(client.id);
    scene.driver->send(client.id, pattern(500'000, 5), Lifetime::copy);
    scene.settle();
    const std::string answer = pattern(2 << 20, 6);
    scene.driver->send(server.id, answer, Lifetime::copy);
    scene.driver->close(server.id);
    scene.settle();
    scene.driver->send(client.id, pattern(10'000, 7), Lifetime::copy);
    scene.driver->resume(client.id);
    scene.wait_until([&] { return client.ended || client.is_closed; }, "the end");
    expect(!client.error, "no reset");
    expect_equal(client.received, answer, "what arrives");
    scene.driver->close(client.id);
    scene.wait_until([&] { return server.is_closed && client.is_closed && scene.driver->open_sockets() == 0; },
                     "nothing is left");
    expect(!client.error && !server.error, "in good order");
}

void abort_drops_and_resets(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->pause(server.id);
    scene.driver->send(client.id, pattern(world.more_than_fits()), Lifetime::copy);
    scene.settle();
    const uint64_t asked = scene.waits();
    scene.driver->abort(client.id);
    scene.driver->abort(client.id);
    expect(!client.is_closed, "abort() calls nobody");
    expect_equal(scene.driver->queued(client.id), 0, "queued after abort()");
    scene.driver->resume(server.id);
    scene.wait_until([&] { return client.is_closed && is_cut(world, server); }, "both are closed");
    expect(client.closed_in_wait > asked, "closed() from a later wait");
    expect(!client.error, "an abort of our own is no error");
    expect_cut(world, server);
}

void abort_after_close_ends_the_flushing(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->pause(server.id);
    scene.driver->send(client.id, pattern(world.more_than_fits()), Lifetime::copy);
    scene.driver->close(client.id);
    scene.settle();
    expect(!client.is_closed, "close() waits for the queue");
    scene.driver->abort(client.id);
    scene.driver->resume(server.id);
    scene.wait_until([&] { return client.is_closed && is_cut(world, server); }, "abort() does not wait");
    expect_cut(world, server);
}

// A reset while paused may be told at once or at resume(), but it is told.
void a_reset_behind_unread_bytes_is_told(DriverWorld& world) {
    Scene scene(world);
    for (std::size_t size : {1u, 100u, 5000u, 70'000u, 200'000u, 300'000u}) {
        for (int early : {0, 1}) {
            auto [client, server] = scene.pair();
            const std::string message = pattern(size);
            scene.driver->pause(server.id);
            scene.driver->send(client.id, message, Lifetime::copy);
            scene.settle();
            if (early) scene.driver->resume(server.id);
            scene.driver->abort(client.id);
            if (!early) {
                scene.settle();
                scene.driver->resume(server.id);
            }
            scene.wait_until([&] { return is_cut(world, server); }, "the reset is told");
            expect_cut(world, server);
            expect_equal(server.received, message.substr(0, server.received.size()), "what came before it");
        }
    }
}

void a_reset_fails_a_queue(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->pause(server.id);
    scene.driver->send(client.id, pattern(world.more_than_fits()), Lifetime::copy);
    scene.settle();
    scene.driver->abort(server.id);
    scene.wait_until([&] { return client.is_closed; }, "closed()");
    expect(is_reset(client.error), "with the reset");
    scene.wait_until([&] { return server.is_closed && scene.driver->open_sockets() == 0; }, "nothing is left");
}

// Who waits for room in the queue must not wait for ever, and who writes without end must have to wait.
void a_reset_that_a_send_finds(DriverWorld& world) {
    for (const bool paused_before : {false, true}) {
        Scene scene(world);
        auto [client, server] = scene.pair();
        const SocketId there = client.id;
        server.on_data = [&](std::string_view) {
            scene.driver->abort(there);
            if (paused_before) scene.driver->pause(server.id);
            for (int i = 0; i < 3; ++i) scene.driver->send(server.id, pattern(1 << 20), Lifetime::copy);
            if (scene.driver->queued(server.id) == 0) scene.breach("what cannot be sent is queued");
            scene.driver->pause(server.id);
        };
        scene.driver->send(client.id, pattern(200'000), Lifetime::copy);
        scene.wait_until([&] { return server.is_closed; }, "closed() comes while paused");
        expect(server.error.has_value(), "with the error");
        scene.check();
    }
}

void a_refused_connect_is_closed_with_the_error(DriverWorld& world) {
    Scene scene(world);
    End& client = scene.make_end();
    const Address nobody = world.refusing_address(*scene.driver);
    client.id = scene.driver->connect(nobody, {}, client, Lane::native).value();
    scene.driver->send(client.id, "hello?", Lifetime::copy);
    expect(!client.is_closed, "connect() calls nobody");
    scene.wait_until([&] { return client.is_closed; }, "closed()");
    expect(client.error && client.error->is_errno(ECONNREFUSED), "with the refusal");
    expect(client.connects == 0 && !client.ended, "and nothing else");
    expect_equal(scene.driver->open_sockets(), 0, "streams left");
}

void close_while_connecting(DriverWorld& world) {
    Scene scene(world);
    int accepted = 0;
    scene.on_accepted = [&](SocketId id) {
        ++accepted;
        scene.driver->close(id);
    };
    for (const bool rude : {false, true}) {
        End& client = scene.connect();
        if (rude) {
            scene.driver->abort(client.id);
        } else {
            scene.driver->close(client.id);
        }
        expect(!client.is_closed, "nobody is called");
        scene.wait_until([&] { return client.is_closed; }, "closed()");
        expect(!client.error && client.connects == 0, "null, and never connected()");
    }
    scene.wait_until([&] { return scene.driver->open_sockets() == 0; }, "nothing is left");
}

void names_of_the_dead_find_nobody(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    const SocketId dead[] = {client.id, server.id};
    server.on_end = [&] { scene.driver->abort(server.id); };
    scene.driver->abort(client.id);
    scene.wait_until([&] { return client.is_closed && server.is_closed; }, "both are closed");
    auto [next_client, next_server] = scene.pair();
    Driver& driver = *scene.driver;
    for (const SocketId id : dead) {
        driver.pause(id);
        driver.send(id, "ghost", Lifetime::copy);
        driver.shutdown(id);
        driver.set_low_mark(id, 1);
        driver.set_no_delay(id, true);
        driver.set_keep_alive(id, true);
        driver.close(id);
        driver.finish(id);
        driver.flush(id);
        driver.end_plainly(id);
        driver.abort(id);
        driver.resume(id);
        driver.set_sink(id, client, Lane::native, false);
        expect_equal(driver.queued(id), 0, "queued by a ghost");
        expect(driver.peer_address(id) == Address(), "a ghost's address");
        expect(!driver.release(id), "a ghost's descriptor");
        expect_equal(driver.descriptor(id), -1, "a ghost's descriptor, to look at");
    }
    driver.abort(SocketId{});
    driver.send(next_client.id, "alive", Lifetime::copy);
    driver.send(next_server.id, "too", Lifetime::copy);
    scene.wait_until([&] { return next_server.received.size() == 5 && next_client.received.size() == 3; },
                     "the new ones do not notice");
    scene.settle();
    expect(!next_client.is_closed && !next_server.is_closed && !next_client.ended, "and live on");
}

void addresses_can_be_asked_until_closed_returns(DriverWorld& world) {
    Scene scene(world);
    for (const bool rude : {false, true}) {
        auto [client, server] = scene.pair();
        Driver& driver = *scene.driver;
        const Address peer = driver.peer_address(client.id);
        const SocketId id = client.id;
        Address seen;
        client.on_closed = [&] {
            seen = driver.peer_address(id);
            driver.send(id, "ghost", Lifetime::copy);
            driver.close(id);
            driver.abort(id);
        };
        server.on_end = [&] { driver.close(server.id); };
        if (rude) {
            driver.abort(client.id);
        } else {
            driver.close(client.id);
        }
        scene.wait_until([&] { return client.is_closed; }, "closed()");
        expect(seen == peer, "the peer is known until closed() returns");
        scene.wait_until([&] { return server.is_closed && driver.open_sockets() == 0; }, "nothing is left");
        if (!rude) expect(!server.error, "what closed() does to its own socket harms nobody");
    }
}

void abort_all_tells_every_stream(DriverWorld& world) {
    Scene scene(world);
    auto first = scene.pair();
    auto second = scene.pair();
    End& connecting = scene.connect();
    scene.driver->pause(second.server.id);
    scene.driver->close(second.client.id);
    scene.driver->abort_all();
    expect(!first.client.is_closed && !connecting.is_closed, "abort_all() calls nobody");
    scene.wait_until(
        [&] {
            return first.client.is_closed && first.server.is_closed && second.client.is_closed &&
                   second.server.is_closed && connecting.is_closed;
        },
        "each is told");
    expect(!first.client.error && !first.server.error && !connecting.error, "null");
    scene.wait_until([&] { return scene.driver->open_sockets() == 0; }, "nothing is left");
}

void a_driver_may_be_destroyed_with_open_sockets(DriverWorld& world) {
    Scene scene(world);
    auto idle = scene.pair();
    auto busy = scene.pair();
    scene.driver->pause(busy.server.id);
    scene.driver->send(busy.client.id, pattern(world.more_than_fits()), Lifetime::copy);
    scene.settle();
    scene.driver->close(busy.client.id);
    scene.driver->send(idle.client.id, "unsent", Lifetime::copy);
    scene.connect();
    scene.driver.reset();
    scene.check();
    expect(!idle.client.is_closed && !busy.client.is_closed, "nobody is called");
}

void finish_flushes_and_waits_for_nobody(DriverWorld& world) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{5} << 20}) {
        Scene scene(world);
        auto [client, server] = scene.pair();
        const std::string answer = pattern(size);
        scene.driver->send(client.id, "the last", Lifetime::copy);
        server.on_data = [&](std::string_view) {
            if (server.received != "the last") return;
            scene.driver->send(server.id, answer, Lifetime::copy);
            scene.driver->finish(server.id);
            scene.driver->send(server.id, "too late", Lifetime::copy);
            scene.driver->finish(server.id);
            if (server.is_closed) scene.breach("finish() calls somebody");
        };
        scene.wait_until([&] { return server.is_closed && client.ended; }, "the end");
        expect(!server.error && !client.is_closed, "in good order");
        expect_equal(client.received, answer, "what arrives");
        scene.wait_until([&] { return scene.driver->open_sockets() == 1; },
                         "the server's is gone, the client's is not");
        scene.driver->close(client.id);
        scene.wait_until([&] { return client.is_closed && scene.driver->open_sockets() == 0; }, "nothing is left");
        expect(!client.error, "in good order");
    }
}

// The other side does not keep its word, before or meanwhile: what was sent must not be killed by a reset.
void finish_with_unread_input_is_close(DriverWorld& world) {
    for (const bool before : {true, false}) {
        Scene scene(world);
        auto [client, server] = scene.pair();
        const std::string answer = pattern(world.more_than_fits(), 6);
        scene.driver->pause(server.id);
        scene.driver->pause(client.id);
        if (before) scene.driver->send(client.id, pattern(500'000, 5), Lifetime::copy);
        scene.settle();
        scene.driver->send(server.id, answer, Lifetime::copy);
        scene.driver->finish(server.id);
        scene.settle();
        if (!before) scene.driver->send(client.id, pattern(500'000, 5), Lifetime::copy);
        scene.settle();
        scene.driver->resume(client.id);
        scene.wait_until([&] { return server.is_closed && client.ended; }, "the end");
        expect(!client.error && !server.error, "in good order");
        expect_equal(client.received, answer, "what arrives");
        expect_equal(scene.driver->open_sockets(), 2, "streams left: the server's discards");
        scene.driver->close(client.id);
        scene.wait_until([&] { return client.is_closed && scene.driver->open_sockets() == 0; }, "nothing is left");
    }
}

void an_abort_overrides_finish(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    scene.driver->pause(client.id);
    scene.driver->send(server.id, pattern(world.more_than_fits()), Lifetime::copy);
    scene.driver->finish(server.id);
    scene.settle();
    expect(!server.is_closed, "finish() waits for the queue");
    scene.driver->abort(server.id);
    scene.driver->resume(client.id);
    scene.wait_until([&] { return server.is_closed && is_cut(world, client); }, "abort() does not wait");
    expect_cut(world, client);
}

// As close(2) does: what nobody read is the system's affair. A world of its own has no close(2).
void who_ends_plainly_waits_for_nobody(DriverWorld& world) {
    for (const bool unread : {false, true}) {
        Scene scene(world);
        auto [client, server] = scene.pair();
        if (scene.driver->is_simulated()) return;
        scene.driver->end_plainly(server.id);
        scene.driver->pause(server.id);
        if (unread) scene.driver->send(client.id, "nobody reads this", Lifetime::copy);
        scene.settle();
        scene.driver->send(server.id, "the last", Lifetime::copy);
        scene.driver->close(server.id);
        scene.wait_until([&] { return server.is_closed && scene.driver->open_sockets() == 1; }, "the server's is gone");
        expect(!server.error, "in good order");
        scene.wait_until([&] { return client.ended || client.is_closed; }, "the client hears of it");
        if (!unread) expect_equal(client.received, "the last", "what arrives");
    }
}

void a_plain_end_by_abort_is_no_reset(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    if (scene.driver->is_simulated()) return;
    scene.driver->end_plainly(server.id);
    scene.driver->send(server.id, "sent", Lifetime::copy);
    scene.settle();
    scene.driver->abort(server.id);
    scene.wait_until([&] { return server.is_closed && client.ended; }, "the end");
    expect(!client.error, "no reset");
    expect_equal(client.received, "sent", "what arrives");
}

// The same slots serve again and again.
void connections_come_and_go(DriverWorld& world) {
    Scene scene(world);
    for (int i = 0; i < 60; ++i) {
        auto [client, server] = scene.pair();
        End& first = i % 2 ? client : server;
        End& second = i % 2 ? server : client;
        second.on_end = [&] { scene.driver->close(second.id); };
        scene.driver->send(first.id, "bye", Lifetime::copy);
        scene.driver->close(first.id);
        scene.wait_until([&] { return client.is_closed && server.is_closed; }, "both are closed");
        expect(!client.error && !server.error, "in good order");
        expect_equal(second.received, "bye", "what arrives");
    }
    scene.wait_until([&] { return scene.driver->open_sockets() == 0; }, "nothing is left");
}

constexpr DriverCase kCases[] = {
    {"half-close by the client", half_close_by_the_client},
    {"half-close by the server", half_close_by_the_server},
    {"both shut down at once", both_shut_down_at_once},
    {"shutdown while connecting comes after the bytes", shutdown_while_connecting_comes_after_the_bytes},
    {"close flushes a large queue, and is told once, later", close_flushes},
    {"close of an idle connection", close_of_an_idle_connection},
    {"close of a paused connection", close_of_a_paused_connection},
    {"close inside data_received", close_inside_data_received},
    {"abort inside data_received", abort_inside_data_received},
    {"close with unread input loses nothing that was sent", close_with_unread_input_loses_nothing},
    {"finish flushes, and waits for nobody's end", finish_flushes_and_waits_for_nobody},
    {"finish with unread input is close", finish_with_unread_input_is_close},
    {"who ends plainly waits for nobody", who_ends_plainly_waits_for_nobody},
    {"a plain end by abort is no reset", a_plain_end_by_abort_is_no_reset},
    {"an abort overrides finish", an_abort_overrides_finish},
    {"abort drops the queue and resets", abort_drops_and_resets},
    {"abort after close ends the flushing", abort_after_close_ends_the_flushing},
    {"a reset behind unread bytes is told", a_reset_behind_unread_bytes_is_told},
    {"a reset fails a queue", a_reset_fails_a_queue},
    {"a reset that a send finds is told, also while paused, and stops who writes", a_reset_that_a_send_finds},
    {"a refused connect is closed with the error", a_refused_connect_is_closed_with_the_error},
    {"close and abort while connecting", close_while_connecting},
    {"names of the dead find nobody", names_of_the_dead_find_nobody},
    {"addresses can be asked until closed() returns", addresses_can_be_asked_until_closed_returns},
    {"abort_all tells every stream", abort_all_tells_every_stream},
    {"a driver may be destroyed with open sockets", a_driver_may_be_destroyed_with_open_sockets},
    {"connections come and go", connections_come_and_go},
};

}  // namespace

std::span<const DriverCase> driver_ending_cases() { return kCases; }

}  // namespace bine::testing
