#include "bine/async/task_group.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bine/async/gather.h"
#include "bine/async/sleep.h"
#include "bine/base/log.h"
#include "bine/testing/manual_clock.h"

using namespace bine;
using namespace std::chrono_literals;

namespace {

class LogCapture {
public:
    LogCapture() {
        old_ = log::set_sink([this](const log::Record& record) { lines.push_back(log::to_line(record)); });
    }
    ~LogCapture() { log::set_sink(std::move(old_)); }
    std::vector<std::string> lines;

private:
    log::Sink old_;
};

struct Note {
    Note(std::string& into, std::string text) : log(into), name(std::move(text)) {}
    Note(const Note&) = delete;
    Note& operator=(const Note&) = delete;
    ~Note() { log += name + " "; }
    std::string& log;
    std::string name;
};

Deferred<> nap(Scheduler& scheduler, Duration duration, std::string& log, std::string name) {
    const Note note(log, name + "-gone");
    co_await sleep(scheduler, duration);
    log += name + " ";
}

Deferred<> fail_after(Scheduler& scheduler, Duration duration, std::string text) {
    co_await sleep(scheduler, duration);
    throw Error(Errc::closed, text);
}

}  // namespace

TEST_CASE("join waits for all tasks, those started meanwhile too") {
    testing::ManualClock clock;
    std::string log;
    TaskGroup group;
    group.start(nap(clock, 1s, log, "a"));
    group.start([&]() -> Deferred<> {
        co_await sleep(clock, 2s);
        group.start(nap(clock, 3s, log, "late"));
    });
    CHECK(group.size() == 2);
    auto joined = group.join();
    clock.advance(4s);
    CHECK_FALSE(joined.done());
    clock.advance(1s);
    CHECK(joined.done());
    CHECK(log == "a a-gone late late-gone ");
    CHECK(group.size() == 0);
    CHECK(group.join().done());
}

TEST_CASE("a task's error cancels the others and is what join gives; a second error is logged") {
    LogCapture capture;
    testing::ManualClock clock;
    std::string log;
    TaskGroup group;
    group.start(nap(clock, 5s, log, "sibling"));
    group.start(fail_after(clock, 1s, "first"));
    group.start([&]() -> Deferred<> {
        auto outcome = co_await sleep(clock, 5s).as_result();
        if (!outcome) throw Error(Errc::closed, "second");
    });
    auto joined = group.join();
    clock.advance(1s);
    REQUIRE(joined.done());
    CHECK(std::move(joined).result().error().text() == "first");
    CHECK(log == "sibling-gone ");
    CHECK(group.cancelled());
    CHECK_FALSE(group.start([] { return ready(); }));
}

TEST_CASE("errors of siblings that fail while they are on the stack are logged") {
    LogCapture capture;
    Promise<> both;
    TaskGroup group;
    const auto failing = [](Deferred<> signal, std::string text) -> Deferred<> {
        co_await std::move(signal);
        throw Error(Errc::closed, text);
    };
    Promise<> first, second;
    group.start(failing(first.deferred(), "first"));
    group.start(failing(second.deferred(), "second"));
    auto joined = group.join();
    {
        // Both have failed before the group hears of the first.
        const ChainBatch batch;
        std::move(first).fail(Errc::closed, "one");
        std::move(second).fail(Errc::closed, "two");
    }
    CHECK(std::move(joined).result().error().text() == "one");
    REQUIRE(capture.lines.size() == 1);
    CHECK(capture.lines[0].find("two") != std::string::npos);
}

TEST_CASE("a callable that throws is a task that failed") {
    TaskGroup group;
    CHECK(group.start([]() -> Deferred<> { throw Error(Errc::closed, "at once"); }));
    CHECK(std::move(group.join()).result().error().text() == "at once");
}

TEST_CASE("cancel ends the tasks, is no error for join, and refuses new ones") {
    testing::ManualClock clock;
    std::string log;
    TaskGroup group;
    group.start(nap(clock, 1s, log, "a"));
    group.start(nap(clock, 1s, log, "b"));
    auto joined = group.join();
    group.cancel();
    CHECK(log == "a-gone b-gone ");
    CHECK(std::move(joined).result().has_value());
    bool called = false;
    CHECK_FALSE(group.start([&] {
        called = true;
        return ready();
    }));
    CHECK_FALSE(called);
    CHECK(clock.idle());
}

TEST_CASE("a destroyed group cancels its tasks, and an error that nobody joined for is logged") {
    LogCapture capture;
    testing::ManualClock clock;
    std::string log;
    {
        TaskGroup group;
        group.start(nap(clock, 1s, log, "a"));
        group.start([]() -> Deferred<> { throw Error(Errc::closed, "unjoined"); });
    }
    CHECK(log == "a-gone ");
    REQUIRE(capture.lines.size() == 1);
    CHECK(capture.lines[0].find("unjoined") != std::string::npos);
    CHECK(clock.idle());
}

TEST_CASE("the group keeps the callable until its task ends, so a coroutine lambda may capture") {
    auto counted = std::make_shared<int>(0);
    Promise<> go;
    TaskGroup group;
    group.start([counted, signal = go.deferred()]() mutable -> Deferred<> {
        co_await std::move(signal);
        ++*counted;
    });
    CHECK(counted.use_count() == 2);
    std::move(go).resolve();
    CHECK(*counted == 1);
    CHECK(counted.use_count() == 1);
}

TEST_CASE("a task may drop the frame that its group is in: that frame waits until the task is off the stack") {
    std::string log;
    std::optional<Deferred<>> owner;
    Promise<> go, never;
    const auto frame = [&]() -> Deferred<> {
        std::string local = "a local that the task uses, too long for its own buffer";
        const Note note(log, "frame");
        TaskGroup group;
        group.start([&]() -> Deferred<> {
            const Note task_note(log, "task");
            co_await go.deferred();
            owner.reset();
            local += "!";
            log += "dropped ";
            co_await ready();
            log += "went-on ";
        });
        co_await never.deferred();
    };
    owner = frame();
    std::move(go).resolve();
    CHECK(log == "dropped task frame ");
}

TEST_CASE("so may a task of a task, and one that is only being started") {
    std::string log;
    std::optional<Deferred<>> owner;
    Promise<> go, never;
    const auto frame = [&]() -> Deferred<> {
        std::string local = "a local that the task uses, too long for its own buffer";
        const Note note(log, "frame");
        TaskGroup outer;
        outer.start([&]() -> Deferred<> {
            TaskGroup inner;
            inner.start([&]() -> Deferred<> {
                co_await go.deferred();
                outer.start([&]() -> Deferred<> {
                    owner.reset();
                    local += "!";
                    log += "dropped ";
                    co_return;
                });
                local += "?";
                co_await never.deferred();
            });
            co_await inner.join();
        });
        co_await outer.join();
    };
    owner = frame();
    std::move(go).resolve();
    CHECK(log == "dropped frame ");
}

TEST_CASE("an arm of a gather may drop the frame that awaits the gather") {
    std::string log;
    std::optional<Deferred<>> owner;
    Promise<> go, never;
    const auto frame = [&]() -> Deferred<> {
        std::string local = "a local that the arm uses, too long for its own buffer";
        const Note note(log, "frame");
        const auto arm = [](Deferred<> signal, std::optional<Deferred<>>& whole, std::string& text,
                            std::string& into) -> Deferred<> {
            co_await std::move(signal);
            whole.reset();
            text += "!";
            into += "dropped ";
        };
        auto both = gather(arm(go.deferred(), owner, local, log), never.deferred());
        co_await std::move(both);
    };
    owner = frame();
    std::move(go).resolve();
    CHECK(log == "dropped frame ");
}

TEST_CASE("a task may destroy its group") {
    std::string log;
    auto group = std::make_unique<TaskGroup>();
    Promise<> go;
    group->start([&]() -> Deferred<> {
        const Note note(log, "task");
        co_await go.deferred();
        group.reset();
        log += "destroyed ";
        co_await ready();
        log += "went-on ";
    });
    std::move(go).resolve();
    CHECK(log == "destroyed task ");

    group = std::make_unique<TaskGroup>();
    group->start([&]() -> Deferred<> {
        group.reset();
        co_await ready();
        log += "went-on ";
    });
    CHECK(group == nullptr);
    CHECK(log == "destroyed task ");
}

TEST_CASE("the tree shows a group and its tasks below the frame that made it") {
    testing::ManualClock clock;
    const auto frame = [&]() -> Deferred<> {
        TaskGroup group;
        std::string log;
        group.start(nap(clock, 1s, log, "a"));
        group.start(nap(clock, 1s, log, "b"));
        co_await group.join();
    };
    auto running = frame();
    const std::string text = running.describe();
    CAPTURE(text);
    std::size_t naps = 0;
    for (std::size_t at = text.find("nap, waits at"); at != text.npos; at = text.find("nap, waits at", at + 1)) ++naps;
    CHECK(naps == 2);
}

TEST_CASE("a hundred thousand tasks cost as many records, and leave none") {
    testing::ManualClock clock;
    TaskGroup group;
    int ended = 0;
    for (int i = 0; i < 100'000; ++i) {
        group.start([&]() -> Deferred<> {
            co_await sleep(clock, 1s);
            ++ended;
        });
    }
    auto joined = group.join();
    clock.advance(1s);
    CHECK(ended == 100'000);
    CHECK(joined.done());
}
