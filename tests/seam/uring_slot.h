// What the io_uring driver knows of one socket.
#pragma once

#include <optional>
#include <string>

#include "uring_driver.h"

namespace bine::seam {

struct UringDriver::Slot {
    explicit Slot(Descriptor d) : fd(std::move(d)) {}

    bool takes_bytes() const noexcept { return !shut && (phase == Phase::connecting || phase == Phase::open); }
    bool discards() const noexcept { return phase == Phase::closing || phase == Phase::lingering; }
    bool wants_input() const noexcept {
        if (listener) return !paused;
        return !end_came && !failed && ((phase == Phase::open && sink && !paused) || discards());
    }
    bool readable() const noexcept {
        return phase == Phase::open && !paused && (!held.empty() || !pieces.empty() || (end_came && !end_told));
    }
    bool has_news() const noexcept {
        return connected_due || drained_due || closed_due || failed || readable() || (listener && !accepted.empty());
    }

    Descriptor fd;
    union {
        Sink* sink = nullptr;
        AcceptSink* accept_sink;
    };
    SocketId id;
    Address peer;
    Output queue;
    std::string file_part;          // of a file range at the queue's front
    std::array<iovec, 16> parts{};  // what the send in flight sends
    msghdr message{};
    sockaddr_storage remote{};          // while connecting
    std::deque<Buffers::Piece> pieces;  // received and pinned
    std::string held;                   // received and copied, before the pieces
    std::deque<int> accepted;           // of a listener
    std::optional<Error> error;
    uint32_t low_mark = 16384;
    uint32_t operations = 0;  // in flight
    Phase phase = Phase::open;
    Lane lane = Lane::native;
    bool listener = false;
    bool paused = true;
    bool asked_for = false;
    bool ready = false;
    bool to_flush = false;
    bool armed = false;    // a receive, or accept, is in flight
    bool fed = false;      // and has delivered something
    bool watched = false;  // a poll for a hang-up has been asked for
    bool hung_up = false;  // and has completed
    bool sending = false;
    bool shut = false;  // no more may be queued
    bool end_sent = false;
    bool end_came = false;
    bool end_told = false;
    bool failed = false;  // `error` is to be told, behind what was received
    bool above_low = false;
    bool connected_due = false;
    bool drained_due = false;
    bool closed_due = false;
};

}  // namespace bine::seam
