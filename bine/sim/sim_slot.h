// What the simulated driver knows of one socket, and how messages travel. Internal to the driver.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>

#include "bine/sim/host.h"
#include "bine/sim/sim_driver.h"

namespace bine::sim {

// What one side has given to be sent and the other has not been given yet, kept apart from all that carries it: a
// promise of the network is that these are the same bytes in the same order.
struct SimDriver::Ledger {
    void add(const Output& output) {
        if (!known) return;
        try {
            bytes += output.to_string();
        } catch (const Error&) {
            known = false;  // a file that cannot be read whole
        }
    }

    std::string bytes;
    std::size_t taken = 0;
    bool known = true;
};

struct SimDriver::Slot {
    Slot(Kind k, Address at) : local(std::move(at)), kind(k) {}

    bool takes_bytes() const noexcept { return !shut && (phase == Phase::connecting || phase == Phase::open); }
    bool discards() const noexcept { return phase == Phase::closing || phase == Phase::lingering; }
    bool readable() const noexcept {
        return phase == Phase::open && !paused && (!inbox.empty() || (end_came && !end_told));
    }
    bool has_news() const noexcept {
        return connected_due || drained_due || closed_due || reset || readable() ||
               (!paused && !(pending.empty() && datagrams.empty())) || (kind == Kind::datagram && error);
    }

    union {
        Sink* sink = nullptr;
        AcceptSink* accept_sink;
        DatagramSink* datagram_sink;
    };
    SocketId id;
    Address local;
    Address peer;
    Place other;
    std::shared_ptr<Ledger> sent = {};
    std::shared_ptr<Ledger> expected = {};
    Output queue;
    std::size_t in_flight = 0;
    TimePoint last_arrival{};  // of what we sent, over there
    std::string inbox;
    std::optional<Error> error;
    std::deque<SocketId> pending;  // of a listener: connections not accepted yet
    std::deque<std::pair<Address, std::string>> datagrams;
    uint32_t low_mark = 16384;
    int backlog = 0;
    Kind kind;
    Phase phase = Phase::open;
    Lane lane = Lane::native;
    bool paused = true;
    bool asked_for = false;
    bool ready = false;  // on a ready list
    bool to_flush = false;
    bool connected_due = false;
    bool drained_due = false;
    bool closed_due = false;
    bool above_low = false;
    bool shut = false;       // no more may be queued
    bool finishing = false;  // the other side has said that it sends no more, and has not
    bool end_sent = false;
    bool end_came = false;
    bool end_told = false;
    bool reset = false;
    bool output_lost = false;  // a reset met output: that is told even while paused
};

inline SimDriver::Slot* SimDriver::find(SocketId id) const noexcept { return slots_.find(id); }

template <class Arrived, class Nobody>
void SimDriver::post(Slot& from, const Place& to, std::size_t bytes, Arrived arrived, Nobody nobody) {
    if (silent_) return;
    const auto bandwidth = static_cast<int64_t>(world_.options_.bandwidth);
    const Duration transmission =
        bandwidth == 0 ? Duration(0) : Duration(std::chrono::seconds(static_cast<int64_t>(bytes))) / bandwidth;
    from.last_arrival = std::max(from.last_arrival, world_.now() + world_.latency()) + transmission;
    auto deliver = [&world = world_, to, arrived = std::move(arrived), nobody = std::move(nobody)]() mutable {
        SimDriver* driver = nullptr;
        Slot* slot = find(world, to, driver);
        if (slot && slot->phase != Phase::ended) {
            arrived(*driver, *slot);
        } else {
            nobody();
        }
    };
    auto arrive = [&world = world_, from = host_.number_, to = to.host, deliver = std::move(deliver),
                   given_up = give_up(from)]() mutable {
        world.pass(from, to, std::move(deliver), std::move(given_up));
    };
    world_.plan(from.last_arrival, std::move(arrive));
}

}  // namespace bine::sim
