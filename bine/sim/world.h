// A small world in memory: virtual time, chance from a seed, and a network that cuts, delays and fills up.
//
// Whatever is not determined goes through choose(), so the same seed gives the same run. Time stands still while anybody
// is ready and then jumps. One thread for the world and all its drivers; the world outlives them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "bine/base/function.h"
#include "bine/reactor/reactor.h"

namespace bine::sim {

class SimDriver;

struct NetworkOptions {
    Duration shortest_latency = std::chrono::microseconds(20);
    Duration longest_latency = std::chrono::milliseconds(2);
    // Bytes of one direction that have been sent and not yet received.
    std::size_t buffer = 65536;
    // Streams arrive in pieces of any size, down to one byte; otherwise in pieces as large as they can be.
    bool fragment = true;
    // One in so many; 0: none.
    uint32_t datagram_loss = 0;
    uint32_t accept_failure = 0;
};

class World {
public:
    explicit World(uint64_t seed, NetworkOptions options = {});
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // One of 0 to n - 1. 0 is the plainest choice: shortest latency, largest piece, order of arrival.
    uint64_t choose(std::string_view label, uint64_t n) noexcept;
    TimePoint now() const noexcept { return now_; }
    uint64_t seed() const noexcept { return seed_; }
    // Of all choices and all that arrived, so far.
    uint64_t trace_hash() const noexcept { return trace_; }

    // A driver on its own: one reactor that waits moves the time of this world.
    std::unique_ptr<Driver> make_driver();
    // A reactor of the world's, to be run by run_until() together with the others. All hosts have the same addresses.
    Reactor& make_host();
    // Turns all hosts, and lets time jump when none is ready, until `holds` does. False when `limit` has passed, or when
    // nothing will ever happen again.
    bool run_until(Function<bool()> holds, Duration limit = std::chrono::hours(1));

private:
    friend class SimDriver;
    struct Event {
        TimePoint when;
        uint64_t sequence;
        Function<void()> action;
    };
    struct Host;

    void at(TimePoint when, Function<void()> action);
    // Runs what is due next, if it is due by `limit`.
    bool run_next(TimePoint limit);
    TimePoint next_event() const noexcept;
    void record(uint64_t word) noexcept;
    Duration latency() noexcept;
    uint16_t free_port() noexcept { return next_port_++; }
    bool turn_hosts();

    const uint64_t seed_;
    const NetworkOptions options_;
    uint64_t chance_;
    uint64_t trace_ = 0xcbf29ce484222325;
    TimePoint now_{std::chrono::seconds(1)};
    uint64_t sequence_ = 0;
    uint16_t next_port_ = 49152;
    std::vector<Event> events_;  // a heap
    std::vector<SimDriver*> drivers_;
    std::vector<std::unique_ptr<Host>> hosts_;
};

}  // namespace bine::sim
