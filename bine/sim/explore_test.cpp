#include "bine/sim/explore.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "bine/async/sleep.h"
#include "bine/reactor/reactor.h"
#include "bine/testing/temp_folder.h"

namespace bine::sim {
namespace {

struct Explored {
    int status = 0;
    std::string said;
};

// The program in a process of its own, as from a shell.
Explored run(std::vector<const char*> arguments, std::vector<Scenario> scenarios, const char* program = "kv_sim") {
    std::FILE* output = std::tmpfile();
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(::fileno(output), STDOUT_FILENO);
        ::dup2(::fileno(output), STDERR_FILENO);
        arguments.insert(arguments.begin(), program);
        const int status =
            explore(static_cast<int>(arguments.size()), const_cast<char**>(arguments.data()), std::move(scenarios));
        std::fflush(nullptr);
        ::_exit(status);
    }
    Explored explored;
    int status = 0;
    ::waitpid(child, &status, 0);
    explored.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    std::rewind(output);
    explored.said.resize(1 << 20);
    explored.said.resize(std::fread(explored.said.data(), 1, explored.said.size(), output));
    std::fclose(output);
    return explored;
}

bool says(const Explored& explored, std::string_view part) {
    const bool found = explored.said.find(part) != std::string::npos;
    if (!found) MESSAGE(explored.said);
    return found;
}

std::vector<Scenario> scenarios() {
    std::vector<Scenario> all;
    all.push_back({"good", [](World& world) { world.sometimes(world.choose("a die", 6) == 5, "a six"); }});
    return all;
}

std::vector<Scenario> with_bad(Function<void(World&)> bad) {
    std::vector<Scenario> all = scenarios();
    all.push_back({"bad", std::move(bad)});
    return all;
}

TEST_CASE("an exploration in which all is well says so, and what it reached") {
    const Explored done = run({"--seeds", "200", "--twice-in", "0", "--jobs", "3"}, scenarios());
    CHECK(done.status == 0);
    CHECK(says(done, "200 worlds of 1 scenarios"));
    CHECK(says(done, "all promises are kept"));
    CHECK(says(done, "% of worlds: a six"));
    CHECK(says(run({"--pairs", "1", "--first-seed", "1", "--twice-in", "0"}, scenarios()), "1 worlds of 1"));
}

TEST_CASE("a broken promise is told with its seed, its replay and a plainer run") {
    const auto bad = [](World& world) {
        for (int i = 0; i < 20; ++i) world.choose("noise", 10);
        world.check(world.choose("which", 50) != 7, "never a seven");
    };
    const Explored done = run({"--seeds", "1000", "--twice-in", "0"}, with_bad(bad));
    CHECK(done.status == 1);
    CHECK(says(done, "FAILED: bad, seed "));
    CHECK(says(done, "    never a seven\n"));
    CHECK(says(done, "a plainer run fails too, with 1 choices that are not the plainest"));
    CHECK(says(done, "=7'\n"));
    CHECK(says(done, "which: 7"));

    const std::size_t at = done.said.find("--replay '") + 10;
    const std::string choices = done.said.substr(at, done.said.find('\'', at) - at);
    const Explored again = run({"bad", "--seed", "1", "--replay", choices.c_str()}, with_bad(bad));
    CHECK(again.status == 1);
    CHECK(says(again, "bad, seed 1: never a seven"));
}

TEST_CASE("choices that are too many for a command line are in a file beside the program") {
    const auto bad = [](World& world) {
        uint64_t sum = 0;
        for (int i = 0; i < 1000; ++i) sum += world.choose("a die", 6);
        world.check(sum < 2000, "never two thousand");
    };
    const testing::TempFolder folder;
    const std::string program = folder.path("program");
    const Explored done = run({"bad", "--seeds", "1", "--twice-in", "0"}, with_bad(bad), program.c_str());
    CHECK(done.status == 1);
    const std::string choices = "@" + program + ".seed-1.choices";
    CHECK(says(done, "--replay '" + choices + "'"));
    CHECK(says(run({"bad", "--seed", "1", "--replay", choices.c_str()}, with_bad(bad)),
               "bad, seed 1: never two thousand"));
}

TEST_CASE("a process that dies is a failure of the world it was in") {
    const Explored done = run({"--seeds", "300", "--twice-in", "0"}, with_bad([](World& world) {
                                  if (world.choose("which", 50) == 7) std::abort();
                              }));
    CHECK(done.status == 1);
    CHECK(says(done, "FAILED: bad, seed "));
    CHECK(says(done, "the process was ended by Aborted"));
}

TEST_CASE("a world that hangs is a failure") {
    const Explored done = run({"bad", "--seeds", "300", "--twice-in", "0", "--no-shrink", "--most-seconds", "1"},
                              with_bad([](World& world) {
                                  if (world.choose("which", 5) != 3) return;
                                  while (::usleep(1000) == 0) {
                                  }
                              }));
    CHECK(done.status == 1);
    CHECK(says(done, "it hangs"));
}

TEST_CASE("what is asked wrongly is answered with the cure") {
    CHECK(run({"--seeds", "many"}, scenarios()).status == 64);
    CHECK(says(run({"--seeds", "many"}, scenarios()), "--seeds takes a number, not \"many\""));
    CHECK(says(run({"nothing"}, scenarios()), "no scenario is called \"nothing\"; --list names them"));
    CHECK(says(run({"--what"}, scenarios()), "--help lists them"));
    CHECK(says(run({"--help"}, scenarios()), "--until-failure"));
    CHECK(says(run({"--list"}, scenarios()), "good\n"));
    CHECK(says(run({"--replay", "1=1"}, scenarios()), "--replay needs --seed"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a program in simulation that reads the real clock is stopped, and its caller named") {
    const auto reads_clock = [](World& world) {
        world.add_host("host").run([](Reactor& reactor) -> Deferred<> {
            co_await sleep(reactor, std::chrono::seconds(1));
            timespec now{};
            ::clock_gettime(CLOCK_REALTIME, &now);
        });
        world.run_for(std::chrono::minutes(1));
    };
    const Explored done = run({"bad", "--seeds", "1", "--twice-in", "0", "--no-shrink"}, with_bad(reads_clock));
    CHECK(done.status == 1);
    CHECK(says(done, "clock_gettime() is called in a simulated world"));
    timespec now{};
    CHECK(::clock_gettime(CLOCK_REALTIME, &now) == 0);
}
#endif

}  // namespace
}  // namespace bine::sim
