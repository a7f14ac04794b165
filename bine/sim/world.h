// A world in memory: hosts, virtual time, a network that cuts, delays, fills up and breaks, and one source of chance.
//
//     sim::World world(seed);
//     sim::Host& server = world.add_host("server");
//     sim::Host& client = world.add_host("client");
//     server.run([](Reactor& reactor) -> Deferred<> { ... listen(reactor, "tcp:80", ...) ... });
//     client.run([](Reactor& reactor) -> Deferred<> { ... connect(reactor, "tcp:server:80") ... });
//     world.must([&] { return client.done(); }, "the client ends");
//     world.finish();
//
// A program that runs on a native driver runs here unmodified. Whatever is not determined goes through choose(), so the
// same seed gives the same run. Time stands still while anybody is ready and then jumps. One thread for the world and all
// its hosts; the world outlives their drivers. While it runs, reading a real clock, real randomness or making a real
// socket ends the process with the caller's name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/function.h"
#include "bine/base/time.h"
#include "bine/sim/chance.h"
#include "bine/sim/host.h"
#include "bine/sim/network_options.h"
#include "bine/sim/record.h"

namespace bine {
class Address;
class Driver;
}  // namespace bine

namespace bine::sim {

class SimDriver;

// What is thrown when a promise of a run is broken; World keeps the first one.
struct Violation {
    std::string text;
};

class World {
public:
    // The network is drawn, too.
    explicit World(uint64_t seed) : World(Chance(seed)) {}
    explicit World(Chance chance);
    World(uint64_t seed, NetworkOptions options) : World(Chance(seed), options) {}
    World(Chance chance, NetworkOptions options);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Names are looked up in the world: each host's is that of its addresses.
    Host& add_host(std::string_view name);
    // A driver on its own, of a host without a name: the reactor that waits on it moves the time of this world.
    std::unique_ptr<Driver> make_driver();

    // Chance. One of 0 to n - 1; 0 is the plainest. `label` says for what, and lasts (a literal). One choice a statement:
    // compilers evaluate arguments in orders of their own.
    uint64_t choose(std::string_view label, uint64_t n);
    // Whether what happens once in `n` happens; never for 0.
    bool one_in(std::string_view label, uint64_t n);
    // A point where code under test takes a rare way: some runs take it now and then, most never.
    bool buggify(std::string_view label);
    // The one whose host turns, or that runs; null outside. For buggify() and sometimes() deep in code under test.
    static World* current() noexcept;

    TimePoint now() const noexcept { return now_; }
    // What a clock that is right shows.
    WallTime wall_now() const noexcept { return wall_start_ + now_.time_since_epoch(); }
    // What a clock that is right shows now; July 2017 when the world begins, unless somebody says so.
    void set_wall_clock(WallTime time) noexcept { wall_start_ = time - now_.time_since_epoch(); }
    uint64_t seed() const noexcept { return chance_.seed(); }
    const Choices& choices() const noexcept { return chance_.made(); }
    const NetworkOptions& network() const noexcept { return options_; }

    // Trouble. Between two hosts nothing passes, both ways; what is under way waits, as long as TCP does.
    void partition(const Host& one, const Host& other);
    void partition(const Host& one);  // from all others
    // Ends partitions; heal() ends all faults and disturbances, and starts hosts that are down.
    void join();
    void heal();
    // For `time`, at times of its own choice: partitions, and crashes of `mortal`, each followed by its end; then heal().
    void disturb(Duration time, std::vector<Host*> mortal = {});

    // Turns all hosts, and lets time jump when none is ready, until `holds` does. False when `limit` has passed, or when
    // nothing will ever happen again. Throws Violation when a promise has been broken.
    bool run_until(Function<bool()> holds, Duration limit = std::chrono::hours(1));
    void run_for(Duration time);
    // The same, and it is a broken promise when it does not come to that: `what` completes "it never came to this: ".
    void must(Function<bool()> holds, std::string_view what, Duration limit = std::chrono::hours(1));
    // Runs `action` at that time, between turns.
    void at(TimePoint when, Function<void()> action);

    // A promise that is broken when `holds` is false; the first ends the run. From anywhere.
    void check(bool holds, std::string_view promise);
    // A state that some run should reach; which ones none did is told at the end of an exploration.
    void sometimes(bool reached, std::string_view label);

    // The end of a run: heals, stops the programs, waits for what is under way, and checks that nothing is left over: no
    // connection, no timer, no error that nobody took. The hosts are gone afterwards. Throws Violation.
    void finish();
    // The first promise that was broken, or nothing.
    const std::optional<Violation>& violation() const noexcept { return violation_; }

    // What happened, for people and to compare.
    const Record& record() const noexcept { return record_; }
    uint64_t trace_hash() const noexcept { return record_.hash(); }
    // Writes down what happens from now on, a line each: time in the world, and what.
    void tell(std::FILE* story) noexcept { record_.tell(story); }
    void note(std::string_view line);
    bool telling() const noexcept { return record_.telling(); }

private:
    friend class SimDriver;
    friend class Host;
    class Running;
    static constexpr std::size_t kNowhere = SIZE_MAX;
    WallTime wall_start_{std::chrono::seconds(1'500'000'000)};
    struct Event {
        TimePoint when;
        uint64_t sequence;
        Function<void()> action;
    };
    // A message that a partition, or a host that is down, keeps.
    struct Held {
        uint64_t number;
        std::size_t from, to;  // hosts
        Function<void()> deliver;
    };

    Host& add_host(std::string name, Duration ahead);
    uint64_t choose_quietly(std::string_view label, uint64_t n);  // no line of the story
    void plan(TimePoint when, Function<void()> action);
    void wake_hosts() noexcept;
    bool run_next(TimePoint limit);
    TimePoint next_event() const noexcept;
    Duration latency();
    uint16_t free_port() noexcept;
    bool turn_hosts();
    bool pass_time(TimePoint end);
    void count_turn() noexcept;
    bool is_cut(std::size_t from, std::size_t to) const noexcept;
    bool is_blocked(std::size_t from, std::size_t to) const noexcept;
    // Delivers now, or when nothing is in the way any more; after a long time `given_up` instead.
    void pass(std::size_t from, std::size_t to, Function<void()> deliver, Function<void()> given_up);
    void release_held();
    void jump_a_clock();
    void disturb_once(TimePoint end, std::vector<Host*> mortal);
    Host* host_at(std::size_t asking, const Address& address) const noexcept;
    std::vector<Address> look_up(const std::string& name) const;
    void break_promise(std::string text);
    [[noreturn]] void give_in();
    std::string leftovers() const;

    Chance chance_;
    NetworkOptions options_;
    Record record_;
    TimePoint now_{std::chrono::seconds(1)};
    TimePoint turned_at_{};
    uint32_t turns_ = 0;
    uint64_t sequence_ = 0;
    uint64_t held_count_ = 0;
    uint64_t healings_ = 0;
    uint16_t next_port_ = 49152;
    bool turning_ = false;
    bool finished_ = false;
    std::vector<Event> events_;  // a heap
    std::vector<Held> held_;     // in the order in which they came
    std::vector<SimDriver*> drivers_;
    std::vector<std::unique_ptr<Host>> hosts_;
    std::vector<std::pair<std::size_t, std::size_t>> cuts_;  // pairs of hosts, the smaller number first
    std::vector<std::pair<std::string, bool>> buggified_;
    std::optional<Violation> violation_;
    struct LogWatch;
    std::unique_ptr<LogWatch> logs_;
    World* outer_ = nullptr;
};

// The same, of the world that runs in this thread; false, or nothing, outside of one.
bool buggify(std::string_view label);
void sometimes(bool reached, std::string_view label);

}  // namespace bine::sim
