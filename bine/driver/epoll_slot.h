// What the epoll driver knows of one socket. Internal to the driver.
#pragma once

#include "bine/driver/epoll_driver.h"
#include "bine/driver/socket.h"

namespace bine {

struct EpollDriver::Slot : ListHook<FlushTag>, ListHook<NoticeTag>, ListHook<RareTag> {
    Slot(Kind k, Descriptor fd) : input(std::move(fd)), kind(k) {}

    int output_fd() const noexcept { return output ? output.get() : input.get(); }
    bool reads() const noexcept { return phase == Phase::open && !paused && !ended_there; }
    bool discards() const noexcept {
        return (phase == Phase::closing || phase == Phase::lingering) && !ended_there && socket;
    }
    // Once the queue is empty: no end of the other side's is waited for. Who else may hold the open file needs a shutdown.
    bool ends_at_once() const noexcept {
        return !socket || ended_there || plain || (finishing && !adopted && !socket::has_unread(input.get()));
    }
    // Also when the connection has failed and nobody knows it yet: who writes without end must feel a queue.
    bool may_queue() const noexcept {
        return (phase == Phase::open || phase == Phase::connecting || (phase == Phase::ended && closed_due)) && !shut;
    }

    Descriptor input;
    Descriptor output;  // only where it is another one than `input`
    union {
        Sink* sink = nullptr;
        AcceptSink* accept_sink;
        DatagramSink* datagram_sink;
        WatchSink* watch_sink;
    };
    SocketId id;
    [[no_unique_address]] Output queue;  // its last bytes hold the next member
    uint32_t low_mark = 16384;
    std::unique_ptr<std::vector<Descriptor>>
        departing;                 // taken from the queue's front, to go with its next byte; never empty
    std::unique_ptr<Error> error;  // null with `failed`: there was no memory for it
    Address peer;
    TimePoint lingers_until{};
    int write_error = 0;
    std::optional<uint8_t> registered;         // what epoll watches on the input descriptor
    std::optional<uint8_t> output_registered;  // and on the output one, where it is another
    Kind kind;
    Phase phase = Phase::open;
    Lane lane = Lane::native;
    bool failed : 1 = false;
    bool paused : 1 = true;
    bool asked_for : 1 = false;
    bool socket : 1 = true;
    bool passes_descriptors : 1 = false;
    bool unpollable : 1 = false;     // a regular file: always ready; or what there was no room to watch
    bool adopted : 1 = false;        // others may hold the same open file: leave epoll by name
    bool input_blocked : 1 = false;  // what a descriptor was before we made it non-blocking
    bool output_blocked : 1 = false;
    bool ended_there : 1 = false;  // end of input seen
    bool shut : 1 = false;         // no more may be queued
    bool shut_down : 1 = false;    // and the system has been told
    bool blocked : 1 = false;      // the system's buffer was full
    bool finishing : 1 = false;    // the other side has said that it sends no more, and has not
    bool plain : 1 = false;        // ends as close(2) does
    bool above_low : 1 = false;    // drained() will be owed
    bool drained_due : 1 = false;
    bool closed_due : 1 = false;
    bool unlink_path : 1 = false;  // a Unix listener that made its path
};

}  // namespace bine
