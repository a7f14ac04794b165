// The command line of an exploration; what is played where is in exploration.cpp.
#include "bine/sim/explore.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string_view>

#include "bine/base/error.h"
#include "bine/base/text.h"
#include "bine/sim/exploration.h"

namespace bine::sim {

namespace {

constexpr const char* kUsage =
    "usage: %s [SCENARIO]... [OPTION]...\n"
    "\n"
    "Plays each SCENARIO (all of them when none is named) in many simulated worlds and tells what broke.\n"
    "\n"
    "  --seeds N          worlds for each scenario (1000)\n"
    "  --pairs N          so many pairs of a scenario and a seed in all, instead\n"
    "  --first-seed N     the first one's seed (1)\n"
    "  --until-failure    goes on until something breaks\n"
    "  --seed N           one world, with its whole story\n"
    "  --replay CHOICES   with --seed and one SCENARIO: the run that an exploration printed;\n"
    "                     @FILE: as it is written there\n"
    "  --jobs N           processes at a time (as many as there are processors)\n"
    "  --twice-in N       one world in N is played again in another process (100; 0: none)\n"
    "  --most-seconds N   a world that takes longer hangs (60)\n"
    "  --no-shrink        does not look for a plainer run that fails\n"
    "  --hashes           prints the hash of each run, to compare builds\n"
    "  --list             prints the names of the scenarios\n";

struct Command {
    ExploreOptions options;
    std::optional<uint64_t> seed;
    std::optional<uint64_t> pairs;
    std::optional<std::string> replay;
    bool list = false;
    bool help = false;
};

[[noreturn]] void refuse(const std::string& why) { throw Error(Errc::invalid_argument, why); }

uint64_t number(std::string_view flag, std::string_view text) {
    const auto value = try_parse_decimal(text);
    if (!value) refuse(std::string(flag) + " takes a number, not \"" + escape(text) + "\"");
    return *value;
}

// `value` is what follows the flag; answers whether it was one with a value.
bool take_value(Command& command, std::string_view flag, std::string_view value) {
    ExploreOptions& options = command.options;
    if (flag == "--seeds") {
        options.seeds = number(flag, value);
    } else if (flag == "--pairs") {
        command.pairs = number(flag, value);
    } else if (flag == "--first-seed") {
        options.first_seed = number(flag, value);
    } else if (flag == "--seed") {
        command.seed = number(flag, value);
    } else if (flag == "--replay") {
        command.replay = value;
    } else if (flag == "--jobs") {
        options.jobs = static_cast<unsigned>(number(flag, value));
    } else if (flag == "--twice-in") {
        options.twice_in = number(flag, value);
    } else if (flag == "--most-seconds") {
        options.most_seconds = static_cast<int>(number(flag, value));
    } else if (flag == "--shift-heap") {
        options.shift_heap = number(flag, value);
    } else {
        return false;
    }
    return true;
}

bool take_flag(Command& command, std::string_view flag) {
    if (flag == "--until-failure") return command.options.until_failure = true;
    if (flag == "--no-shrink") return !(command.options.shrinks = false);
    if (flag == "--hashes") return command.options.hashes = true;
    if (flag == "--list") return command.list = true;
    if (flag == "--help" || flag == "-h") return command.help = true;
    return false;
}

Command parse(int argc, char** argv) {
    Command command;
    command.options.program = argv[0];
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (!word.starts_with("-")) {
            command.options.names.emplace_back(word);
        } else if (take_flag(command, word)) {
            continue;
        } else if (i + 1 < argc && take_value(command, word, argv[i + 1])) {
            ++i;
        } else {
            refuse("no option is \"" + escape(word) + "\", or it lacks its value; --help lists them");
        }
    }
    return command;
}

std::vector<Scenario> chosen(std::vector<Scenario> all, const std::vector<std::string>& names) {
    if (names.empty()) return all;
    std::vector<Scenario> some;
    for (const std::string& name : names) {
        const auto found = std::find_if(all.begin(), all.end(), [&](const Scenario& one) { return one.name == name; });
        if (found == all.end()) refuse("no scenario is called \"" + escape(name) + "\"; --list names them");
        some.push_back(std::move(*found));
        all.erase(found);
    }
    return some;
}

Choices choices_from(const std::string& text) {
    if (!text.starts_with("@")) return parse_choices(text);
    std::FILE* file = std::fopen(text.c_str() + 1, "r");
    if (!file) refuse("the file of choices \"" + escape(text.substr(1)) + "\" cannot be read");
    std::string content;
    char bytes[65536];
    for (std::size_t size; (size = std::fread(bytes, 1, sizeof bytes, file)) > 0;) content.append(bytes, size);
    std::fclose(file);
    return parse_choices(content.substr(0, content.find('\n')));
}

int play_alone(Scenario& scenario, const Command& command) {
    std::FILE* story = command.options.hashes ? nullptr : stdout;
    Chance chance = command.replay ? Chance(*command.seed, choices_from(*command.replay)) : Chance(*command.seed);
    const Outcome outcome = play(scenario, std::move(chance), story);
    if (command.options.hashes) {
        std::printf("%016llx %llu %s\n", static_cast<unsigned long long>(outcome.hash),
                    static_cast<unsigned long long>(*command.seed), scenario.name.c_str());
    } else if (outcome.failure) {
        std::printf("\n%s, seed %llu: %s\n", scenario.name.c_str(), static_cast<unsigned long long>(*command.seed),
                    outcome.failure->c_str());
    } else {
        std::printf("\n%s, seed %llu: all promises are kept; %.3f s in the world, %zu choices, hash %016llx\n",
                    scenario.name.c_str(), static_cast<unsigned long long>(*command.seed),
                    std::chrono::duration<double>(outcome.took).count(), outcome.choices.size(),
                    static_cast<unsigned long long>(outcome.hash));
    }
    return outcome.failure ? 1 : 0;
}

int carry_out(Command command, std::vector<Scenario> scenarios) {
    scenarios = chosen(std::move(scenarios), command.options.names);
    if (command.list) {
        for (const Scenario& one : scenarios) std::printf("%s\n", one.name.c_str());
        return 0;
    }
    if (command.replay && (!command.seed || scenarios.size() != 1)) refuse("--replay needs --seed and one SCENARIO");
    if (command.pairs)
        command.options.seeds = (*command.pairs + scenarios.size() - 1) / std::max<std::size_t>(scenarios.size(), 1);
    if (!command.seed) return Exploration(std::move(scenarios), std::move(command.options)).run();
    shift_heap(command.options.shift_heap);
    int worst = 0;
    for (Scenario& one : scenarios) worst = std::max(worst, play_alone(one, command));
    return worst;
}

}  // namespace

int explore(int argc, char** argv, std::vector<Scenario> scenarios) {
    try {
        Command command = parse(argc, argv);
        if (command.help) {
            std::printf(kUsage, argv[0]);
            return 0;
        }
        return carry_out(std::move(command), std::move(scenarios));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return 64;
    }
}

int explore(int argc, char** argv, std::initializer_list<std::pair<const char*, void (*)(World&)>> scenarios) {
    std::vector<Scenario> all;
    for (const auto& [name, play] : scenarios) all.push_back({name, play});
    return explore(argc, argv, std::move(all));
}

}  // namespace bine::sim
