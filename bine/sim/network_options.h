// What the network of a simulated world is like, and what goes wrong in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bine/base/time.h"

namespace bine::sim {

class Chance;

struct NetworkOptions {
    Duration shortest_latency = std::chrono::microseconds(20);
    Duration longest_latency = std::chrono::milliseconds(2);
    // Bytes a second of each direction of a connection; 0: any number.
    uint64_t bandwidth = 0;
    // Bytes of one direction that have been sent and not yet received.
    std::size_t buffer = 65536;
    // Streams arrive in pieces of any size, down to one byte; otherwise in pieces as large as they can be.
    bool fragment = true;

    // Faults, one in so many; 0: none.
    uint32_t reset = 0;           // of segments: the connection is reset instead
    uint32_t refusal = 0;         // of connection attempts that somebody listens for
    uint32_t accept_failure = 0;  // of accepts: EMFILE
    uint32_t lookup_failure = 0;  // of names looked up
    uint32_t datagram_loss = 0;
    uint32_t datagram_copy = 0;

    // A network of its own for each run: some have faults of some kinds, few have all, many have none.
    static NetworkOptions drawn(Chance& chance);
    // The same network without faults.
    NetworkOptions healed() const noexcept;
    // In words: "latency up to 2 ms, in pieces, resets: 1 in 80".
    std::string to_string() const;
};

}  // namespace bine::sim
