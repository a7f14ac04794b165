// One exploration: worlds shared out among processes, what they report, and what is made of a failure. Inner part of
// explore().
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/descriptor.h"
#include "bine/sim/explore.h"

namespace bine::sim {

// Takes `bytes` of the heap for good, in pieces of odd sizes.
void shift_heap(std::size_t bytes);

class Exploration {
public:
    Exploration(std::vector<Scenario> scenarios, ExploreOptions options);
    ~Exploration();
    Exploration(const Exploration&) = delete;
    Exploration& operator=(const Exploration&) = delete;

    // The exit code of the program.
    int run();

private:
    // A world is (scenario, seed); they are counted seed by seed.
    struct Shared;  // memory of a worker's that this process sees: which world it is in
    struct Worker {
        pid_t process = 0;
        uint64_t next = 0;  // of the worlds counted; each worker takes every jobs-th
        Descriptor report;
        std::string unread;
        Shared* at = nullptr;
        uint64_t seen = 0;  // the world it was in when last looked at,
        double since = 0;   // and since when
        bool done = false;
    };
    struct Failure {
        std::size_t scenario;
        uint64_t seed;
        std::string text;
    };

    uint64_t worlds() const noexcept;
    Scenario& scenario_of(uint64_t world) noexcept { return scenarios_[world % scenarios_.size()]; }
    uint64_t seed_of(uint64_t world) const noexcept { return options_.first_seed + world / scenarios_.size(); }

    void start(Worker& worker);
    [[noreturn]] void work(Worker& worker, int report);
    void play_world(uint64_t world, std::FILE* report);
    std::optional<std::string> play_again(const Scenario& scenario, uint64_t seed, uint64_t hash) const;
    void watch();
    void read_report(Worker& worker);
    void take_line(Worker& worker, std::string_view line);
    void worker_died(Worker& worker, int status);
    void look_for_hang(Worker& worker);
    void stop_workers();
    void show_progress(bool last);
    void fail_world(uint64_t world, std::string text);

    void explain(const Failure& failure);
    void tell_story(const Failure& failure, const Choices* choices);
    std::optional<Choices> find_choices(const Failure& failure);
    bool still_fails(const Failure& failure, const Choices& choices);
    void summarize() const;

    std::vector<Scenario> scenarios_;
    ExploreOptions options_;
    std::vector<Worker> workers_;
    std::optional<Failure> failure_;
    std::map<std::string, std::pair<uint64_t, uint64_t>, std::less<>> sometimes_;  // reached, worlds that reached it
    double virtual_seconds_ = 0;
    uint64_t played_ = 0;
    double begun_ = 0;
    double shown_ = 0;
};

}  // namespace bine::sim
