#include "bine/reactor/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "bine/reactor/shutdown.h"
#include "bine/reactor/signal.h"
#include "bine/reactor/thread.h"
#include "bine/testing/captured_logs.h"

namespace bine {

namespace {

using namespace std::chrono_literals;

// Turns until `deferred` has its result, for 20 s at most.
template <class T>
Result<T> wait_for(Reactor& reactor, Deferred<T> deferred) {
    const TimePoint limit = reactor.driver().now() + 20s;
    while (!deferred.done() && reactor.driver().now() < limit) reactor.turn(limit);
    REQUIRE(deferred.done());
    return std::move(deferred).result();
}

std::string drain(const Descriptor& pipe) {
    std::string text;
    char buffer[256];
    while (true) {
        const auto count = ::read(pipe.get(), buffer, sizeof buffer);
        if (count <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(count));
    }
}

Process::Options command(const char* script) { return Process::Options({"sh", "-c", script}); }

}  // namespace

TEST_CASE("a process is started, and how it ended is told") {
    Reactor reactor;
    auto process = Process::spawn(reactor, command("exit 3"));
    REQUIRE(process.has_value());
    const auto status = wait_for(reactor, process->exited());
    CHECK(status->code == 3);
    CHECK(status->to_string() == "exited with 3");
    CHECK_FALSE(process->running());
    CHECK(wait_for(reactor, process->exited())->code == 3);
    CHECK(process->signal(SIGTERM).error().is(Errc::closed));
}

TEST_CASE("pipes, environment and folder are what was asked for") {
    Reactor reactor;
    auto options = command("read line; echo \"$line $GREETING $PWD\"; echo oops >&2");
    options.environment = std::vector<std::string>{"GREETING=hello", "PATH=/usr/bin:/bin"};
    options.directory = "/";
    options.input = options.output = options.error = Process::Stdio::pipe;
    auto process = Process::spawn(reactor, options);
    REQUIRE(process.has_value());
    {
        const Descriptor input = process->take_input();
        REQUIRE(::write(input.get(), "in\n", 3) == 3);
    }
    CHECK(wait_for(reactor, process->exited())->success());
    CHECK(drain(process->take_output()) == "in hello /\n");
    CHECK(drain(process->take_error()) == "oops\n");
}

TEST_CASE("a program that is not there is an error in words") {
    Reactor reactor;
    const auto process = Process::spawn(reactor, Process::Options({"/no/such/program"}));
    REQUIRE_FALSE(process.has_value());
    CHECK(process.error().text() == "start /no/such/program: No such file or directory");
}

TEST_CASE("a process that ignores SIGTERM is killed after the grace") {
    Reactor reactor;
    auto options = command("trap '' TERM; echo ready; while :; do sleep 0.01; done");
    options.output = Process::Stdio::pipe;
    auto process = Process::spawn(reactor, options);
    REQUIRE(process.has_value());
    const Descriptor output = process->take_output();
    char byte;
    REQUIRE(::read(output.get(), &byte, 1) == 1);  // the trap is set
    const auto status = wait_for(reactor, process->stop(10ms));
    CHECK(status->signal == SIGKILL);
    CHECK(status->to_string() == "killed by signal 9 (Killed)");
}

TEST_CASE("a process that is dropped is killed and leaves no zombie") {
    Reactor reactor;
    pid_t pid = 0;
    {
        auto process = Process::spawn(reactor, command("exec sleep 1000"));
        REQUIRE(process.has_value());
        pid = process->pid();
    }
    CHECK(::kill(pid, 0) == -1);
    CHECK(errno == ESRCH);
}

TEST_CASE("work in a thread gives its value, or its exception") {
    Reactor reactor;
    const auto caller = std::this_thread::get_id();
    CHECK(
        wait_for(reactor, defer_to_thread(reactor, [caller] { return std::this_thread::get_id() != caller; })).value());
    const auto failed =
        wait_for(reactor, defer_to_thread(reactor, []() -> int { throw Error(Errc::not_found, "gone"); }));
    CHECK(failed.error().is(Errc::not_found));
    CHECK(wait_for(reactor, defer_to_thread(reactor, [] {})).has_value());
}

TEST_CASE("a hundred pieces of work in threads all come back") {
    Reactor reactor;
    std::vector<Deferred<int>> work;
    for (int i = 0; i < 100; ++i) work.push_back(defer_to_thread(reactor, [i] { return i * i; }));
    int sum = 0;
    for (Deferred<int>& one : work) sum += wait_for(reactor, std::move(one)).value();
    CHECK(sum == 328350);
}

TEST_CASE("work in a thread that nobody waits for any more is finished and thrown away") {
    Reactor reactor;
    auto shared = std::make_shared<std::atomic<int>>(0);
    {
        Deferred<int> dropped = defer_to_thread(reactor, [shared] { return ++*shared; });
    }
    CHECK(wait_for(reactor, defer_to_thread(reactor, [] { return 1; })).has_value());
    while (shared.use_count() > 1) reactor.turn(reactor.driver().now() + 1s);
    CHECK(shared->load() == 1);
}

TEST_CASE("a reactor that ends while work is in a thread waits for it and cancels who waited") {
    bool cancelled = false;
    auto shared = std::make_shared<int>(0);
    {
        Reactor reactor;
        Deferred<int> pending = defer_to_thread(reactor, [shared] { return *shared; });
        std::move(pending).finally([&cancelled]() noexcept { cancelled = true; }).detach();
    }
    CHECK(cancelled);
    CHECK(shared.use_count() == 1);
}

TEST_CASE("signals are calls in a turn, for every watch, and the watch may go while it is called") {
    Reactor reactor;
    int first = 0;
    int second = 0;
    SignalWatch one(reactor, SIGUSR1, [&] { ++first; });
    std::optional<SignalWatch> two;
    two.emplace(reactor, SIGUSR1, [&] {
        ++second;
        two.reset();
    });
    ::raise(SIGUSR1);
    reactor.turn(reactor.driver().now() + 10s);
    ::raise(SIGUSR1);
    reactor.turn(reactor.driver().now() + 10s);
    CHECK(first == 2);
    CHECK(second == 1);
}

TEST_CASE("when the last watch of a signal goes, what was before is back") {
    struct sigaction before{};
    ::sigaction(SIGUSR2, nullptr, &before);
    {
        Reactor reactor;
        SignalWatch watch(reactor, SIGUSR2, [] {});
        struct sigaction during{};
        ::sigaction(SIGUSR2, nullptr, &during);
        CHECK((during.sa_handler != before.sa_handler));
    }
    struct sigaction after{};
    ::sigaction(SIGUSR2, nullptr, &after);
    CHECK((after.sa_handler == before.sa_handler));
}

TEST_CASE("a watched descriptor is told of until it is watched no more") {
    Reactor reactor;
    int ends[2];
    REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    const Descriptor read(ends[0]), write(ends[1]);
    int told = 0;
    DescriptorWatch watch(reactor, read.get(), true, false, [&](bool readable, bool writable) {
        CHECK(readable);
        CHECK_FALSE(writable);
        ++told;
    });
    reactor.turn(TimePoint::min());
    CHECK(told == 0);
    REQUIRE(::write(write.get(), "x", 1) == 1);
    reactor.turn(TimePoint::min());
    reactor.turn(TimePoint::min());
    CHECK(told == 2);
    watch.watch(false, false);
    reactor.turn(TimePoint::min());
    CHECK(told == 2);
}

TEST_CASE("a regular file cannot be watched, and the error says which") {
    Reactor reactor;
    const Descriptor file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    CHECK_THROWS_WITH_AS(DescriptorWatch(reactor, file.get(), true, false, [](bool, bool) {}),
                         doctest::Contains("watch descriptor"), Error);
}

TEST_CASE("shutdown runs its phases one after the other, waits for each, and stops the reactor") {
    testing::CapturedLogs logs;
    Reactor reactor;
    std::string text;
    Promise<> saved;
    Deferred<> saving = saved.deferred();
    Shutdown& shutdown = reactor.shutdown();
    shutdown.add(Shutdown::Phase::after, [&]() -> Deferred<> {
        text += 'c';
        return ready();
    });
    shutdown.add(Shutdown::Phase::before, [&]() -> Deferred<> {
        text += 'a';
        return std::move(saving);
    });
    shutdown.add(Shutdown::Phase::during, [&]() -> Deferred<> {
        text += 'b';
        throw Error(Errc::broken, "cannot");
    });
    const uint64_t removed = shutdown.add(Shutdown::Phase::before, [&]() -> Deferred<> {
        text += 'x';
        return ready();
    });
    shutdown.remove(removed);
    shutdown.run().detach();
    CHECK(text == "a");
    std::move(saved).resolve();
    CHECK(text == "abc");
    CHECK(logs.count("a shutdown trigger failed") == 1);
    reactor.run();
}

}  // namespace bine
