// Plays scenarios in very many worlds, on all processors, and tells what broke: the main program of simulation tests.
//
//     int main(int argc, char** argv) {
//         return bine::sim::explore(argc, argv, {{"a put is kept", keep_a_put}, {"a crash loses nothing", crash}});
//     }
//
// Every world is played in a process that may die or hang: that is a failure as any other. The first one ends the
// exploration with its seed, the command that replays it, the story before it, and a plainer run that fails too.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "bine/sim/scenario.h"

namespace bine::sim {

struct ExploreOptions {
    std::vector<std::string> names;  // of scenarios to be played; all when empty
    uint64_t first_seed = 1;
    uint64_t seeds = 1000;       // a scenario
    bool until_failure = false;  // then any number
    unsigned jobs = 0;           // processes; 0: as many as there are processors
    uint64_t twice_in = 100;     // one seed in so many is played in a second process with another heap, too
    bool hashes = false;         // prints "HASH SEED SCENARIO" for each instead of a summary
    bool shrinks = true;
    std::size_t shift_heap = 0;  // bytes that are taken first, in odd pieces: no run may depend on where things lie
    int most_seconds = 60;       // for one world; then it hangs
    std::string program;         // how to call this program again
};

// What `--help` prints, with the options of the command line. Exit codes: 0 all is well, 1 a promise is broken, 64 usage.
int explore(int argc, char** argv, std::vector<Scenario> scenarios);
// The same with plain functions, listed between braces.
int explore(int argc, char** argv, std::initializer_list<std::pair<const char*, void (*)(World&)>> scenarios);

}  // namespace bine::sim
