// A scenario: a story that is played in many worlds, and what became of one of them.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bine/base/function.h"
#include "bine/sim/chance.h"
#include "bine/sim/world.h"

namespace bine::sim {

struct Scenario {
    std::string name;
    // Makes hosts, runs programs, says what must come of it. What programs refer to has to outlive World::finish(), so a
    // scenario with results of its own ends with that; for others it is called behind `play`.
    Function<void(World&)> play;
};

struct Outcome {
    // The first broken promise, or what the scenario threw.
    std::optional<std::string> failure;
    uint64_t hash = 0;
    Duration took{};  // in the world
    Choices choices;
    std::vector<std::pair<std::string, uint64_t>> sometimes;
};

// Plays it once. Nothing is logged meanwhile; with `story`, what happens is written there, line by line.
Outcome play(Scenario& scenario, Chance chance, std::FILE* story = nullptr);

// A list with as many zeros as were found to leave `fails` true, which is asked at most `attempts` times.
Choices shrink(Choices choices, Function<bool(const Choices&)> fails, std::size_t attempts);

}  // namespace bine::sim
