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

struct UringDriver::Slot : ListHook<FlushTag>, ListHook<NoticeTag>, ListHook<ArmTag> {
    explicit Slot(Descriptor d) : fd(std::move(d)) {}

    bool reads() const noexcept { return phase == Phase::open && !paused && !ended_there && sink; }
    bool discards() const noexcept { return (phase == Phase::closing || phase == Phase::lingering) && !ended_there; }
    bool wants_input() const noexcept {
        return listener ? !paused && phase == Phase::open : (reads() && !end_due && !rare) || discards();
    }
    // What finish() has to do once the receive has come back.
    bool waits_to_finish() const noexcept {
        return phase == Phase::closing && !shut_down && !armed && queue.empty() && !ListHook<FlushTag>::linked();
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
    int write_error = 0;
    union {
        Sink* sink = nullptr;
        AcceptSink* accept_sink;
    };
    SocketId id;
    [[no_unique_address]] Output queue;  // its last bytes hold the next member
    uint32_t low_mark = 16384;
    std::unique_ptr<Rare> rare;
    Address peer;
    TimePoint lingers_until{};
    int error = 0;           // of the input, to be told behind what is held; when ended, the reason
    uint32_t loaned = 0;     // bytes at the queue's front that lie in shared buffers
    int sent = 0;            // what came of this turn's send
    uint8_t operations = 0;  // in flight
    uint8_t turn = 0;        // in which `pieces` came
    uint8_t pieces = 0;
    Phase phase = Phase::open;
    Lane lane = Lane::native;
    Deed deed = Deed::none;  // what `error` struck
    bool listener : 1 = false;
    bool adopted : 1 = false;  // others may hold the same open file
    bool paused : 1 = true;
    bool asked_for : 1 = false;
    bool armed : 1 = false;       // a receive, or accept, is in flight
    bool fed : 1 = false;         // and has delivered something
    bool cancelling : 1 = false;  // and is being cancelled
    bool awaits_room : 1 = false;
    bool fell_short : 1 = false;   // this turn's send
    bool blocked : 1 = false;      // the system's buffer was full
    bool ended_there : 1 = false;  // end of input seen
    bool end_due : 1 = false;      // it came behind what is held, or while paused
    bool shut : 1 = false;         // no more may be queued
    bool shut_down : 1 = false;    // and the system has been told
    bool finishing : 1 = false;    // the other side has said that it sends no more, and has not
    bool plain : 1 = false;        // ends as close(2) does
    bool above_low : 1 = false;    // drained() will be owed
    bool connected_due : 1 = false;
    bool drained_due : 1 = false;
    bool closed_due : 1 = false;
};

}  // namespace bine
