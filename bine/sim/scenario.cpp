#include "bine/sim/scenario.h"

#include <algorithm>
#include <exception>

#include "bine/base/log.h"
#include "bine/base/pool.h"

namespace bine::sim {

namespace {

// Nothing that a run logs reaches the terminal.
class Silence {
public:
    Silence() : before_(log::set_sink([](const log::Record&) {})) {}
    ~Silence() { log::set_sink(std::move(before_)); }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

private:
    log::Sink before_;
};

std::optional<std::string> failure_of(Scenario& scenario, World& world) {
    try {
        scenario.play(world);
        world.finish();
    } catch (const Violation& violation) {
        return violation.text;
    } catch (const std::exception& exception) {
        return std::string("the scenario threw: ") + exception.what();
    }
    return std::nullopt;
}

Outcome play_once(Scenario& scenario, Chance chance, std::FILE* story) {
    Outcome outcome;
    World world(std::move(chance));
    if (story) {
        world.tell(story);
        world.note("the network: " + world.network().to_string());
    }
    const TimePoint begun = world.now();
    outcome.failure = failure_of(scenario, world);
    outcome.hash = world.trace_hash();
    outcome.took = world.now() - begun;
    outcome.choices = world.choices();
    outcome.sometimes = world.record().reached();
    return outcome;
}

}  // namespace

// What a first run leaves behind may be there for good: answers made once, say. So a leak is one that comes again.
Outcome play(Scenario& scenario, Chance chance, std::FILE* story) {
    const Silence silence;
    const std::size_t before = pool_blocks_in_use();
    Outcome outcome = play_once(scenario, Chance(chance), story);
    if (outcome.failure || pool_blocks_in_use() == before) return outcome;
    const std::size_t between = pool_blocks_in_use();
    play_once(scenario, std::move(chance), nullptr);
    if (const std::size_t after = pool_blocks_in_use(); after > between) {
        outcome.failure =
            std::to_string(after - between) +
            " blocks of pooled memory are left over: a Deferred that waits, output that nobody sent, a connection";
    }
    return outcome;
}

Choices shrink(Choices choices, Function<bool(const Choices&)> fails, std::size_t attempts) {
    const auto is_zero = [](uint64_t choice) { return choice == 0; };
    for (std::size_t size = choices.size(); size > 0; size /= 2) {
        for (std::size_t start = 0; start < choices.size(); start += size) {
            const auto begin = choices.begin() + static_cast<std::ptrdiff_t>(start);
            const auto end = begin + static_cast<std::ptrdiff_t>(std::min(size, choices.size() - start));
            if (std::all_of(begin, end, is_zero)) continue;
            if (attempts-- == 0) return choices;
            const Choices before(begin, end);
            std::fill(begin, end, 0);
            if (!fails(choices)) std::copy(before.begin(), before.end(), begin);
        }
    }
    while (!choices.empty() && choices.back() == 0) choices.pop_back();
    return choices;
}

}  // namespace bine::sim
