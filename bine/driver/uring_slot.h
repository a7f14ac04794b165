// What the io_uring driver knows of one socket. Internal to the driver.
#pragma once

#include <string>

#include "bine/driver/uring_driver.h"

namespace bine {

// What hardly any socket has.
struct UringDriver::Rare {
    std::string held;           // received while nobody read
    std::vector<int> accepted;  // while the listener was paused
};

struct UringDriver::Slot : ListHook<FlushTag>, ListHook<NoticeTag>, ListHook<ArmTag>, ListHook<LingerTag> {
    explicit Slot(Descriptor d) : fd(std::move(d)) {}

    bool reads() const noexcept { return phase == Phase::open && !paused && !ended_there && sink; }
    bool discards() const noexcept { return (phase == Phase::closing || phase == Phase::lingering) && !ended_there; }
    bool wants_input() const noexcept {
        return listener ? !paused && phase == Phase::open : (reads() && !end_due && !rare) || discards();
    }
    bool wants_room() const noexcept { return phase == Phase::connecting || (blocked && phase != Phase::ended); }
    // Also when the connection has failed and nobody knows it yet: who writes without end must feel a queue.
    bool may_queue() const noexcept {
        return (phase == Phase::open || phase == Phase::connecting || (phase == Phase::ended && sink)) && !shut;
    }
    bool may_borrow() const noexcept {
        return phase == Phase::open && !blocked && write_error == 0 && queue.size() == loaned;
    }

    Descriptor fd;
    union {
        Sink* sink = nullptr;
        AcceptSink* accept_sink;
    };
    SocketId id;
    Output queue;
    std::unique_ptr<Rare> rare;
    Address peer;
    TimePoint lingers_until{};
    const char* what = "";  // it was doing when `error` struck
    int error = 0;
    int write_error = 0;
    int input_error = 0;  // to be told behind what is held, as an end is
    uint32_t low_mark = 16384;
    uint32_t loaned = 0;     // bytes at the queue's front that lie in shared buffers
    uint32_t asked = 0;      // what the send of this turn would send
    int sent = 0;            // and what came of it
    uint32_t turn = 0;       // in which `pieces` came
    uint8_t pieces = 0;      // in one go
    uint8_t operations = 0;  // in flight
    Phase phase = Phase::open;
    Lane lane = Lane::native;
    bool listener : 1 = false;
    bool adopted : 1 = false;  // others may hold the same open file
    bool paused : 1 = true;
    bool asked_for : 1 = false;
    bool armed : 1 = false;   // a receive, or accept, is in flight
    bool fed : 1 = false;     // and has delivered something
    bool cancelling = false;  // and is being cancelled
    bool awaits_room : 1 = false;
    bool blocked : 1 = false;      // the system's buffer was full
    bool ended_there : 1 = false;  // end of input seen
    bool end_due = false;          // it came behind what is held, or while paused
    bool shut : 1 = false;         // no more may be queued
    bool shut_down = false;        // and the system has been told
    bool above_low : 1 = false;    // drained() will be owed
    bool connected_due = false;
    bool drained_due = false;
    bool closed_due : 1 = false;
};

}  // namespace bine
