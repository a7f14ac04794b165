#include "bine/sim/world.h"

#include <algorithm>

#include "bine/sim/sim_driver.h"

namespace bine::sim {

struct World::Host {
    explicit Host(std::unique_ptr<SimDriver> made) : driver(made.get()), reactor(std::move(made)) {}
    SimDriver* driver;
    Reactor reactor;
};

namespace {

constexpr uint64_t kLatencySteps = 8;

bool later(const auto& a, const auto& b) noexcept {
    return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
}

}  // namespace

World::World(uint64_t seed, NetworkOptions options) : seed_(seed), options_(options), chance_(seed) {}

World::~World() { hosts_.clear(); }

void World::record(uint64_t word) noexcept {
    for (int i = 0; i < 8; ++i) {
        trace_ = (trace_ ^ (word & 0xff)) * 0x100000001b3;
        word >>= 8;
    }
}

// splitmix64.
uint64_t World::choose(std::string_view label, uint64_t n) noexcept {
    if (n <= 1) return 0;
    uint64_t mixed = chance_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    const uint64_t choice = (mixed ^ (mixed >> 31)) % n;
    for (const char c : label) record(static_cast<unsigned char>(c));
    record(choice);
    return choice;
}

Duration World::latency() noexcept {
    const Duration range = std::max(options_.longest_latency - options_.shortest_latency, Duration(0));
    const Duration step = range / (kLatencySteps - 1);
    return options_.shortest_latency + step * static_cast<int64_t>(choose("latency", kLatencySteps));
}

void World::at(TimePoint when, Function<void()> action) {
    events_.push_back({when, sequence_++, std::move(action)});
    std::push_heap(events_.begin(), events_.end(), later<Event, Event>);
}

TimePoint World::next_event() const noexcept { return events_.empty() ? TimePoint::max() : events_.front().when; }

bool World::run_next(TimePoint limit) {
    if (events_.empty() || events_.front().when > std::max(limit, now_)) return false;
    std::pop_heap(events_.begin(), events_.end(), later<Event, Event>);
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = std::max(now_, event.when);
    record(static_cast<uint64_t>(now_.time_since_epoch().count()));
    event.action();
    return true;
}

std::unique_ptr<Driver> World::make_driver() { return std::make_unique<SimDriver>(*this); }

Reactor& World::make_host() {
    return hosts_.emplace_back(std::make_unique<Host>(std::make_unique<SimDriver>(*this)))->reactor;
}

// One turn of each; returns whether any has more to do at this time.
bool World::turn_hosts() {
    bool more = false;
    for (std::size_t i = 0; i < hosts_.size(); ++i) more |= hosts_[i]->reactor.run_ready();
    for (const auto& host : hosts_) {
        host->reactor.prepare_sleep();
        more |= host->driver->must_not_sleep();
    }
    return more;
}

bool World::run_until(Function<bool()> holds, Duration limit) {
    const TimePoint end = now_ + limit;
    while (!holds()) {
        if (turn_hosts() || holds()) continue;
        TimePoint next = next_event();
        for (const auto& host : hosts_) next = std::min(next, host->driver->sleeps_until());
        if (next > end) return false;
        if (!run_next(next)) now_ = std::max(now_, next);
    }
    return true;
}

}  // namespace bine::sim
