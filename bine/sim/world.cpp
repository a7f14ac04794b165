// Theory. Everything that will happen is an event in one heap, ordered by time and then by the order of its making. A run
// turns its hosts that are awake, in a chosen order, until all sleep; then time jumps to the next event or timer. Events
// run between turns only, so that one may take a whole host away.
#include "bine/sim/world.h"

#include <algorithm>
#include <cstdio>

#include "bine/base/log.h"
#include "bine/base/text.h"
#include "bine/sim/forbidden.h"
#include "bine/sim/sim_driver.h"

namespace bine::sim {

namespace {

constexpr uint64_t kLatencySteps = 8;
constexpr Duration kGiveUp =
    std::chrono::seconds(120);  // of a message that cannot pass: what TCP calls the user timeout
constexpr Duration kSettling = std::chrono::minutes(10);
constexpr uint16_t kFirstFreePort = 49152;
// So many turns take no time; each that follows at the same time takes some.
constexpr uint32_t kTurnsAtOnce = 1000;
constexpr Duration kTurnTime = std::chrono::microseconds(20);

thread_local World* current_world = nullptr;

bool later(const auto& a, const auto& b) noexcept {
    return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
}

std::string format_time(TimePoint when) {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count();
    char text[40];
    std::snprintf(text, sizeof text, "%5lld.%06lld", static_cast<long long>(microseconds / 1'000'000),
                  static_cast<long long>(microseconds % 1'000'000));
    return text;
}

}  // namespace

// While one is there, its world is the current one, and the real world is forbidden.
class World::Running {
public:
    explicit Running(World& world) noexcept : before_(std::exchange(current_world, &world)) {}
    ~Running() { current_world = before_; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

private:
    World* before_;
    RealWorldForbidden forbidden_;
};

// Hears what is logged: an error that nobody took breaks a promise, and all lines are part of the story.
struct World::LogWatch {
    explicit LogWatch(World& world)
        : before(log::set_sink([this, &world](const log::Record& record) {
              if (record.level == log::Level::error && record.area == "async") {
                  world.break_promise(log::to_line(record));
              }
              if (world.telling()) world.note("log: " + log::to_line(record));
              if (before) before(record);
          })) {}
    ~LogWatch() { log::set_sink(std::move(before)); }
    LogWatch(const LogWatch&) = delete;
    LogWatch& operator=(const LogWatch&) = delete;

    log::Sink before;
};

World::World(Chance chance) : chance_(std::move(chance)) {
    options_ = NetworkOptions::drawn(chance_);
    logs_ = std::make_unique<LogWatch>(*this);
}

World::World(Chance chance, NetworkOptions options) : chance_(std::move(chance)), options_(options) {
    logs_ = std::make_unique<LogWatch>(*this);
}

World::~World() {
    const Running running(*this);
    while (!hosts_.empty()) hosts_.pop_back();
}

World* World::current() noexcept { return current_world; }

bool buggify(std::string_view label) { return current_world && current_world->buggify(label); }

void sometimes(bool reached, std::string_view label) {
    if (current_world) current_world->sometimes(reached, label);
}

// Chance and the story.

uint64_t World::choose_quietly(std::string_view label, uint64_t n) {
    if (n <= 1) return 0;
    const uint64_t choice = chance_.choose(n);
    record_.add(label);
    record_.add(choice);
    return choice;
}

uint64_t World::choose(std::string_view label, uint64_t n) {
    const uint64_t choice = choose_quietly(label, n);
    if (choice != 0 && telling()) note(std::string(label) + ": " + std::to_string(choice));
    return choice;
}

bool World::one_in(std::string_view label, uint64_t n) {
    if (n <= 1) return n == 1;
    const bool happens = choose_quietly(label, n) == n - 1;
    if (happens && telling()) note(label);
    return happens;
}

// Which points are alive is drawn when each is met first: one in four. One that is fires one time in eight.
bool World::buggify(std::string_view label) {
    auto found =
        std::find_if(buggified_.begin(), buggified_.end(), [&](const auto& one) { return one.first == label; });
    if (found == buggified_.end()) {
        const bool alive = one_in("a rare way is open", 4);
        found = buggified_.emplace(buggified_.end(), label, alive);
    }
    return found->second && one_in(label, 8);
}

void World::note(std::string_view line) {
    if (telling()) record_.line(format_time(now_) + "  " + std::string(line));
}

void World::sometimes(bool reached, std::string_view label) { record_.sometimes(label, reached); }

void World::break_promise(std::string text) {
    note("BROKEN: " + text);
    if (!violation_) violation_ = Violation{std::move(text)};
}

// In a turn, whoever called sees to the exception, and the run ends behind the turn.
void World::check(bool holds, std::string_view promise) {
    if (holds) return;
    break_promise(std::string(promise));
    if (turning_) throw *violation_;
    give_in();
}

// Programs end here, while what they refer to is still there: the exception takes it away.
void World::give_in() {
    for (const auto& host : hosts_) host->go_down();
    throw *violation_;
}

// Hosts.

Host& World::add_host(std::string_view name) {
    const auto ahead = std::chrono::milliseconds(choose("a clock is ahead, ms", 5000));
    return add_host(std::string(name), ahead);
}

Host& World::add_host(std::string name, Duration ahead) {
    hosts_.push_back(std::unique_ptr<Host>(new Host(*this, hosts_.size(), std::move(name), ahead)));
    Host& host = *hosts_.back();
    if (!host.name().empty()) host.boot();
    return host;
}

std::unique_ptr<Driver> World::make_driver() {
    Host& host = add_host(std::string(), Duration(0));
    auto driver = std::make_unique<SimDriver>(*this, host, true);
    return driver;
}

Host* World::host_at(std::size_t asking, const Address& address) const noexcept {
    if (!address.is_ip() || address.is_loopback()) return hosts_[asking].get();
    for (const auto& host : hosts_) {
        if (address == host->address(address.port()) || address == host->address_v6(address.port())) return host.get();
    }
    const bool any = address == Address::any_ipv4(address.port()) || address == Address::any_ipv6(address.port());
    return any ? hosts_[asking].get() : nullptr;
}

std::vector<Address> World::look_up(const std::string& name) const {
    if (name == "localhost") return {Address::loopback(0)};
    for (const auto& host : hosts_) {
        if (!name.empty() && host->name() == name) return {host->address(0), host->address_v6(0)};
    }
    return {};
}

uint16_t World::free_port() noexcept {
    const uint16_t port = next_port_;
    next_port_ = next_port_ == 65535 ? kFirstFreePort : static_cast<uint16_t>(next_port_ + 1);
    return port;
}

// Trouble.

bool World::is_cut(std::size_t from, std::size_t to) const noexcept {
    const std::pair<std::size_t, std::size_t> pair = std::minmax(from, to);
    return std::find(cuts_.begin(), cuts_.end(), pair) != cuts_.end();
}

bool World::is_blocked(std::size_t from, std::size_t to) const noexcept {
    if (to == kNowhere) return true;
    const Host& there = *hosts_[to];
    return is_cut(from, to) || (!there.up() && there.started_);
}

void World::partition(const Host& one, const Host& other) {
    if (&one == &other || is_cut(one.number_, other.number_)) return;
    note(one.name() + " and " + other.name() + " are parted");
    cuts_.emplace_back(std::minmax(one.number_, other.number_));
}

void World::partition(const Host& one) {
    for (const auto& other : hosts_) partition(one, *other);
}

void World::join() {
    if (!cuts_.empty()) note("all hosts are joined");
    cuts_.clear();
    release_held();
}

void World::heal() {
    ++healings_;
    join();
    options_ = options_.healed();
    for (const auto& host : hosts_) host->restart();
}

void World::pass(std::size_t from, std::size_t to, Function<void()> deliver, Function<void()> given_up) {
    if (!is_blocked(from, to)) return deliver();
    const uint64_t number = ++held_count_;
    held_.push_back({number, from, to, std::move(deliver)});
    plan(now_ + kGiveUp, [this, number, given_up = std::move(given_up)]() mutable {
        const auto found =
            std::find_if(held_.begin(), held_.end(), [&](const Held& one) { return one.number == number; });
        if (found == held_.end()) return;
        held_.erase(found);
        given_up();
    });
}

// At once, so that nothing sent later overtakes.
void World::release_held() {
    std::vector<Held> kept;
    for (Held& one : held_) {
        if (is_blocked(one.from, one.to)) {
            kept.push_back(std::move(one));
        } else {
            plan(now_, std::move(one.deliver));
        }
    }
    held_.swap(kept);
    SimDriver::answer_probes(*this);
}

void World::disturb(Duration time, std::vector<Host*> mortal) { disturb_once(now_ + time, std::move(mortal)); }

void World::jump_a_clock() {
    Host& host = *hosts_[choose_quietly("whose clock jumps", hosts_.size())];
    note("the clock of " + host.name() + " jumps ahead");
    host.jump_clock(std::chrono::hours(1));
}

void World::disturb_once(TimePoint end, std::vector<Host*> mortal) {
    const Duration wait = std::chrono::milliseconds(8192 >> choose_quietly("until the next trouble", 14));
    plan(std::min(now_ + wait, end), [this, end, mortal = std::move(mortal), healings = healings_]() mutable {
        if (healings != healings_) return;
        if (now_ >= end) return heal();
        switch (choose_quietly("which trouble", 4)) {
            case 1: partition(*hosts_[choose_quietly("who is parted", hosts_.size())]); break;
            case 2:
                if (!mortal.empty()) mortal[choose_quietly("who crashes", mortal.size())]->crash();
                break;
            case 3: jump_a_clock(); break;
            default:
                join();
                for (Host* host : mortal) host->restart();
        }
        disturb_once(end, std::move(mortal));
    });
}

// Time.

Duration World::latency() {
    const Duration range = std::max(options_.longest_latency - options_.shortest_latency, Duration(0));
    const Duration step = range / (kLatencySteps - 1);
    return options_.shortest_latency + step * static_cast<int64_t>(choose_quietly("latency", kLatencySteps));
}

// Of actions that are not the world's own it is not known whom they concern.
void World::at(TimePoint when, Function<void()> action) {
    plan(when, [this, action = std::move(action)]() mutable {
        action();
        wake_hosts();
    });
}

void World::wake_hosts() noexcept {
    for (const auto& host : hosts_) {
        if (host->up()) host->driver_->wake();
    }
}

void World::plan(TimePoint when, Function<void()> action) {
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
    record_.add(static_cast<uint64_t>(now_.time_since_epoch().count()));
    event.action();
    return true;
}

// One turn of each that has a reason to wake: what a sleeping reactor has forgotten must not be done because another host
// is awake. Returns whether any has more to do at this time.
bool World::turn_hosts() {
    std::vector<Host*> order;
    for (const auto& host : hosts_) {
        if (host->up() && host->driver_->is_awake()) order.push_back(host.get());
    }
    turning_ = true;
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (i + 1 < order.size()) std::swap(order[i], order[i + choose_quietly("which host turns", order.size() - i)]);
        order[i]->reactor().run_ready();
    }
    turning_ = false;
    bool more = false;
    for (Host* host : order) host->reactor().prepare_sleep();
    for (const auto& host : hosts_) more |= host->up() && host->driver_->must_not_sleep();
    return more;
}

// The jump to what is due next, by `end`; false when that has come, or nothing is due ever.
bool World::pass_time(TimePoint end) {
    TimePoint next = next_event();
    for (const auto& host : hosts_) {
        if (host->up()) next = std::min(next, host->driver_->sleeps_until());
    }
    if (now_ >= end || next == TimePoint::max()) return false;
    now_ = std::max(now_, std::min(next, end));
    return true;
}

// Who waits by turning - a timer that is set to what is past, callbacks that look at the clock again and again - comes to an end
// outside, where a turn takes time; and so here.
void World::count_turn() noexcept {
    if (now_ > turned_at_) {
        turns_ = 0;
    } else if (++turns_ >= kTurnsAtOnce) {
        now_ += kTurnTime;
        turns_ = kTurnsAtOnce;
    }
    turned_at_ = now_;
}

bool World::run_until(Function<bool()> holds, Duration limit) {
    const Running running(*this);
    const TimePoint end = now_ + limit;
    wake_hosts();  // whatever has been done to them meanwhile
    while (true) {
        while (run_next(now_)) {
        }
        const bool more = turn_hosts();
        if (violation_) give_in();
        if (holds()) return true;
        if (!more && next_event() > now_ && !pass_time(end)) return false;
        if (turns_ >= kTurnsAtOnce && now_ >= end) return false;
        count_turn();
    }
}

void World::run_for(Duration time) {
    run_until([] { return false; }, time);
}

void World::must(Function<bool()> holds, std::string_view what, Duration limit) {
    if (run_until(std::move(holds), limit)) return;
    check(false, "it never came to this: " + std::string(what));
}

// The end.

void World::finish() {
    if (std::exchange(finished_, true)) return;
    const Running running(*this);
    heal();
    for (const auto& host : hosts_) host->stop();
    const bool clean = run_until([this] { return events_.empty() && leftovers().empty(); }, kSettling);
    if (!clean && !leftovers().empty()) check(false, leftovers());
    for (const auto& host : hosts_) host->go_down();
    if (violation_) throw *violation_;
}

// In words; nothing when there are none.
std::string World::leftovers() const {
    std::string words;
    for (const auto& host : hosts_) {
        if (!host->up()) continue;
        if (const auto count = host->driver_->open_sockets()) {
            words += host->name() + " has " + std::to_string(count) + " connections left over; ";
        }
        if (!host->reactor().timers().empty()) words += host->name() + " has timers left over; ";
    }
    if (!words.empty()) words.resize(words.size() - 2);
    return words;
}

}  // namespace bine::sim
