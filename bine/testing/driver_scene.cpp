#include "bine/testing/driver_scene.h"

#include <utility>

namespace bine::testing {

using namespace std::chrono_literals;

void End::called(const char* what) {
    if (!scene_.serves(lane_)) scene_.breach(std::string(what) + " was called from outside of its lane");
    if (is_closed) scene_.breach(std::string(what) + " was called after closed()");
}

void End::connected() {
    called("connected");
    ++connects;
    if (on_connected) on_connected();
}

void End::data_received(std::string_view bytes) {
    called("data_received");
    if (ended) scene_.breach("data after the end");
    if (bytes.empty()) scene_.breach("data without a byte");
    if (!room.empty() && bytes.data() != room.data())
        scene_.breach("asked-for bytes are not where they were asked for");
    ++pieces;
    received.append(bytes);
    if (on_data) on_data(bytes);
}

std::span<char> End::get_buffer() {
    called("get_buffer");
    ++buffers_asked;
    return room;
}

void End::end_received() {
    called("end_received");
    if (ended) scene_.breach("a second end");
    ended = true;
    if (on_end) on_end();
}

void End::drained() {
    called("drained");
    ++drains;
    if (on_drained) on_drained();
}

void End::closed(const Error* why) {
    called("closed");
    is_closed = true;
    closed_in_wait = scene_.waits();
    if (why) error = *why;
    if (on_closed) on_closed();
}

Address Scene::listen() {
    if (!listener) {
        const auto made = driver->listen(world_.listen_address(), {}, *this);
        expect(made.has_value(), made ? "" : made.error().text());
        listener = *made;
        driver->resume(listener);
    }
    return driver->local_address(listener);
}

End& Scene::make_end(Lane lane) { return ends_.emplace_back(*this, lane); }

End& Scene::connect(Lane lane) {
    End& end = make_end(lane);
    const auto made = driver->connect(listen(), {}, end, lane);
    expect(made.has_value(), made ? "" : made.error().text());
    end.id = *made;
    return end;
}

End& Scene::accept(Lane lane) {
    wait_until([this] { return !waiting_.empty(); }, "a connection is accepted");
    End& end = make_end(lane);
    end.id = std::exchange(waiting_.front(), {});
    waiting_.pop_front();
    driver->set_sink(end.id, end, lane, false);
    return end;
}

Scene::Pair Scene::pair(Lane lane) {
    End& client = connect(lane);
    End& server = accept(lane);
    wait_until([&] { return client.connects == 1; }, "the connection is made");
    driver->resume(client.id);
    driver->resume(server.id);
    return {client, server};
}

void Scene::accepted(SocketId id, const Address& peer) {
    if (!serves(Lane::native)) breach("accepted was called from outside of wait");
    last_peer = peer;
    if (on_accepted) {
        on_accepted(id);
        return;
    }
    End& placeholder = make_end();
    driver->attach(id, placeholder, Lane::native);
    waiting_.push_back(id);
}

void Scene::accept_failed(const Error& error) { breach("accept failed: " + error.text()); }

void Scene::breach(std::string_view what) {
    if (breach_.empty()) breach_ = what;
}

void Scene::wait(TimePoint deadline) {
    ++waits_;
    ++depth_;
    const Lane outer = std::exchange(serving_, Lane::native);
    driver->wait(deadline);
    serving_ = outer;
    --depth_;
    if (depth_ == 0) serve_second_lane();
    check();
}

void Scene::serve_second_lane() {
    if (!driver->second_lane_has_work()) return;
    ++depth_;
    serving_ = Lane::second;
    driver->serve_second_lane();
    serving_ = Lane::native;
    --depth_;
}

void Scene::wait_until(Function<bool()> holds, std::string_view what, Place place) {
    const TimePoint limit = driver->now() + 20s;
    while (!holds()) {
        expect(driver->now() < limit, "never: " + std::string(what), place);
        wait(limit);
    }
}

void Scene::settle() {
    const TimePoint until = driver->now() + world_.settle_time();
    do {
        wait(until);
    } while (driver->now() < until);
}

}  // namespace bine::testing
