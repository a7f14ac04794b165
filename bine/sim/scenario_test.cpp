#include "bine/sim/scenario.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "bine/async/sleep.h"
#include "bine/endpoints/listen.h"
#include "bine/reactor/reactor.h"

namespace bine::sim {
namespace {

using namespace std::chrono_literals;

// What a world of the plainest choices says of a program on one host.
std::string failure_of(Host::Program program, Duration time = 1min) {
    Scenario scenario{"test", [&](World& world) {
                          Host& host = world.add_host("host");
                          host.run([&](Reactor& reactor) { return program(reactor); });
                          world.run_for(time);
                          world.finish();
                      }};
    return play(scenario, Chance(1, {})).failure.value_or("");
}

TEST_CASE("a program that cleans up keeps every promise") {
    CHECK(failure_of([](Reactor& reactor) -> Deferred<> {
              auto port = co_await listen(reactor, "tcp:7",
                                          [](Stream stream) -> Deferred<> { co_await stream.write("hello"); });
              auto stream = co_await connect(reactor, "tcp:host:7");
              const std::string said = co_await stream.read_all();
              if (said != "hello") throw Error(Errc::broken, said);
          }) == "");
}

TEST_CASE("a program's error breaks a promise") {
    CHECK(failure_of([](Reactor&) -> Deferred<> { return failed(Error(Errc::closed, "no more")); }) ==
          "the program of host ended in an error: no more");
}

TEST_CASE("an error that nobody takes breaks a promise") {
    const std::string said = failure_of([](Reactor& reactor) -> Deferred<> {
        auto dropped = sleep(reactor, 1ms).then([] { throw Error(Errc::broken, "unseen"); });
        co_await sleep(reactor, 1s);
    });
    CHECK(said.find("nobody took the error of a Deferred") != std::string::npos);
    CHECK(said.find("unseen") != std::string::npos);
}

struct Alarm final : Timer {
    void expired() override {}
};

TEST_CASE("a timer that is left over breaks a promise") {
    Alarm alarm;
    CHECK(failure_of([&](Reactor& reactor) -> Deferred<> {
              reactor.timers().arm(alarm, reactor.now() + 24h);
              return ready();
          }) == "host has timers left over");
}

TEST_CASE("a connection that is left over breaks a promise") {
    std::optional<Stream> kept;
    CHECK(failure_of([&](Reactor& reactor) -> Deferred<> {
              static std::optional<Port> port;
              port.emplace(
                  co_await listen(reactor, "tcp:7", [](Stream stream) -> Deferred<> { co_await stream.read_all(); }));
              kept.emplace(co_await connect(reactor, "tcp:host:7"));
              port.reset();
          }).find("connections left over") != std::string::npos);
    kept.reset();
}

TEST_CASE("a Deferred that waits for ever is found, though nothing in the world refers to it") {
    struct Lost {
        Promise<> promise;
        Deferred<> waiting = promise.deferred();
    };
    std::vector<std::unique_ptr<Lost>> lost;
    const std::string said = failure_of([&lost](Reactor&) -> Deferred<> {
        lost.push_back(std::make_unique<Lost>());
        return ready();
    });
    CHECK(said.find("blocks of pooled memory are left over") != std::string::npos);
}

TEST_CASE("what never comes to pass breaks a promise") {
    Scenario scenario{"test", [](World& world) { world.must([] { return false; }, "the end of days", 1h); }};
    CHECK(play(scenario, Chance(1, {})).failure == "it never came to this: the end of days");
}

TEST_CASE("a check that fails inside a callback ends the run, too") {
    Scenario scenario{"test", [](World& world) {
                          Host& host = world.add_host("host");
                          host.run([&](Reactor& reactor) -> Deferred<> {
                              co_await sleep(reactor, 1s);
                              world.check(false, "all is well");
                          });
                          world.run_for(1min);
                      }};
    const Outcome outcome = play(scenario, Chance(1, {}));
    CHECK(outcome.failure == "all is well");
    CHECK(outcome.took < 2s);
}

TEST_CASE("a run tells its story, its choices, and which states it reached") {
    Scenario scenario{"test", [](World& world) {
                          world.sometimes(world.choose("a coin", 2) == 1, "heads");
                          world.sometimes(false, "the edge");
                          world.note("all said");
                      }};
    std::FILE* story = std::tmpfile();
    Chance chance(3);
    const Outcome outcome = play(scenario, Chance(3), story);
    CHECK_FALSE(outcome.failure);
    CHECK(outcome.sometimes.size() == 2);
    CHECK(outcome.sometimes[1] == std::pair<std::string, uint64_t>("the edge", 0));
    CHECK(play(scenario, Chance(3, outcome.choices)).hash == outcome.hash);
    std::rewind(story);
    std::string text(1000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), story));
    std::fclose(story);
    CHECK(text.find("1.000000  all said\n") != std::string::npos);
}

TEST_CASE("rare ways are open in some runs, and taken now and then") {
    int runs = 0, ways = 0;
    for (uint64_t seed = 1; seed <= 200; ++seed) {
        Scenario scenario{"test", [&](World& world) {
                              int taken = 0;
                              world.add_host("host");
                              for (int i = 0; i < 80; ++i) taken += world.buggify("a rare way") ? 1 : 0;
                              runs += taken > 0 ? 1 : 0;
                              ways += taken;
                          }};
        play(scenario, Chance(seed));
    }
    CHECK(runs > 30);
    CHECK(runs < 70);
    CHECK(ways > runs * 5);
    CHECK(ways < runs * 20);
    CHECK_FALSE(buggify("outside of a world"));
}

}  // namespace
}  // namespace bine::sim
