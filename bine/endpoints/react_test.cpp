#include "bine/endpoints/react.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "bine/async/sleep.h"
#include "bine/endpoints/listen.h"
#include "bine/reactor/shutdown.h"
#include "tests/net/child.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

// Runs a program as main would, with two arguments.
template <class Program>
int run(Program program) {
    char name[] = "program", first[] = "one", second[] = "two";
    char* words[] = {name, first, second, nullptr};
    return react(3, words, std::move(program));
}

TEST_CASE("a program that returns ends with 0, and knows its arguments") {
    Child child([](auto say) {
        return run([&](Reactor&, Args args) -> Deferred<> {
            say(std::to_string(args.size()) + std::string(args[0]) + std::string(args.value_or(1, "x")) +
                std::string(args.value_or(2, "fallback")));
            co_return;
        });
    });
    CHECK(child.told() == "2onetwofallback");
    CHECK(child.wait() == 0);
}

TEST_CASE("a program that waits is waited for, and then the shutdown triggers run") {
    Child child([](auto say) {
        return run([&](Reactor& reactor, Args) -> Deferred<> {
            reactor.shutdown().add(Shutdown::Phase::during, [&] {
                say("trigger");
                return ready();
            });
            co_await sleep(reactor, 1ms);
            say("done ");
        });
    });
    CHECK(child.told() == "done trigger");
    CHECK(child.wait() == 0);
}

TEST_CASE("an error is logged and ends with 1, wherever it comes from") {
    Child later([](auto) {
        return run([](Reactor& reactor, Args) -> Deferred<> {
            co_await sleep(reactor, 1ms);
            throw std::runtime_error("out of ideas");
        });
    });
    CHECK(later.told().find("out of ideas") != std::string::npos);
    CHECK(later.wait() == 1);
    Child at_once(
        [](auto) { return run([](Reactor&, Args) -> Deferred<> { throw std::runtime_error("no coroutine"); }); });
    CHECK(at_once.told().find("no coroutine") != std::string::npos);
    CHECK(at_once.wait() == 1);
}

TEST_CASE("SIGTERM and SIGINT cancel the program, and it ends with 0") {
    for (const int signal : {SIGTERM, SIGINT}) {
        Child child([](auto say) {
            return run([&](Reactor& reactor, Args) -> Deferred<> {
                struct Mark {
                    decltype(say)& tell;
                    ~Mark() { tell("unwound"); }
                } mark{say};
                say("ready ");
                co_await sleep(reactor, 1h);
            });
        });
        REQUIRE(child.says("ready "));
        child.signal(signal);
        CHECK(child.told() == "ready unwound");
        CHECK(child.wait() == 0);
    }
}

TEST_CASE("a signal while the shutdown triggers run lets them run; the second one does not") {
    for (const bool twice : {false, true}) {
        Child child([](auto say) {
            return run([&](Reactor& reactor, Args) -> Deferred<> {
                reactor.shutdown().add(Shutdown::Phase::during, [&]() -> Deferred<> {
                    say("stopping ");
                    co_await sleep(reactor, 200ms);
                    say("stopped");
                });
                co_return;
            });
        });
        REQUIRE(child.says("stopping "));
        child.signal(SIGTERM);
        if (twice) {
            ::usleep(20'000);  // two signals that are pending at once are one
            child.signal(SIGTERM);
        }
        CHECK(child.told().starts_with("stopping "));
        CHECK((child.told().find("stopped") == std::string::npos) == twice);
        CHECK(child.wait() == (twice ? 2 : 0));
    }
}

TEST_CASE("what a closed connection has queued is sent before the end") {
    Reactor reactor{native_driver()};
    Seen seen;
    Listener listener(reactor, recording(seen), {});
    REQUIRE(listener.open(Address::loopback(0), {}));
    const std::string endpoint = "tcp:127.0.0.1:" + std::to_string(listener.address().port());
    Child child([&](auto say) {
        return run([&](Reactor& own, Args) -> Deferred<> {
            Stream stream = co_await connect(own, endpoint);
            stream.transport()->write(std::string(8 << 20, 'x'));
            say("written");
        });
    });
    REQUIRE(child.says("written"));
    REQUIRE(run_until(reactor, [&] { return seen.lost.has_value(); }));
    CHECK(seen.received.size() == 8 << 20);
    CHECK(seen.lost->clean());
    CHECK(child.wait() == 0);
}

TEST_CASE("a second signal ends the wait for those who do not read") {
    Reactor reactor{native_driver()};
    Seen seen;
    seen.on_event = [&](char event) {
        if (event == 'm') seen.transport->pause_reading();
    };
    Listener listener(reactor, recording(seen), {});
    REQUIRE(listener.open(Address::loopback(0), {}));
    const std::string endpoint = "tcp:127.0.0.1:" + std::to_string(listener.address().port());
    Child child([&](auto say) {
        return run([&](Reactor& own, Args) -> Deferred<> {
            Stream stream = co_await connect(own, endpoint);
            stream.transport()->write(std::string(24 << 20, 'x'));
            say("written");
        });
    });
    REQUIRE(child.says("written"));
    REQUIRE(run_until(reactor, [&] { return seen.has('m'); }));
    const TimePoint begun = reactor.driver().now();
    ::usleep(50'000);
    child.signal(SIGTERM);
    ::usleep(20'000);
    child.signal(SIGTERM);
    CHECK(child.wait() == 2);
    CHECK(reactor.driver().now() - begun < 4s);
}

}  // namespace
}  // namespace bine::testing
