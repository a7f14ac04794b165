// Coroutines over a network that goes wrong: task groups, time limits, cancelled reads, queues.
#include <algorithm>
#include <deque>

#include "bine/async/queue.h"
#include "bine/async/semaphore.h"
#include "bine/async/sleep.h"
#include "bine/async/task_group.h"
#include "bine/async/within.h"
#include "scenarios.h"
#include "scenes.h"

namespace bine::tests {

namespace {

using namespace std::chrono_literals;
using sim::Host;
using sim::World;

constexpr int kLines = 30;

std::string line_of(int number) { return "line " + std::to_string(number); }

// Says numbered lines, with pauses between and inside them.
Deferred<> say_lines(World& world, Reactor& reactor, Stream& stream) {
    for (int i = 0; i < kLines; ++i) {
        const std::string line = line_of(i) + "\n";
        const std::size_t first = world.one_in("a line comes in two pieces", 4) ? 3 : line.size();
        co_await stream.write(line.substr(0, first));
        if (first < line.size()) {
            co_await sleep(reactor, 100ms);
            co_await stream.write(line.substr(first));
        }
        if (world.one_in("the speaker pauses", 2)) {
            const Duration pause = 1ms * static_cast<int>(world.choose("for, ms", 300));
            co_await sleep(reactor, pause);
        }
    }
}

Deferred<> serve_lines(World& world, Reactor& reactor) {
    auto port = co_await listen(reactor, "tcp:7",
                                [&](Stream stream) -> Deferred<> { co_await say_lines(world, reactor, stream); });
    co_await port.closed();
}

Deferred<std::string> read_line_somehow(World& world, Stream& stream, int number) {
    std::string line;
    switch (world.choose("which read", 3)) {
        case 1: line = co_await stream.read_until("\n"); break;
        case 2: line = co_await stream.read_exactly(line_of(number).size() + 1); break;
        default: co_return co_await stream.read_line();
    }
    line.pop_back();
    co_return line;
}

// Reads with a time limit that often is too short: a read that is cancelled loses nothing.
Deferred<> read_with_limits(World& world, Reactor& reactor, int& lines) {
    auto stream = co_await dial(reactor, "tcp:server:7");
    int next = 0;
    while (stream) {
        const Duration limit = 1ms * static_cast<int>(1 + world.choose("the limit, ms", 400));
        auto line = co_await within(reactor, limit, read_line_somehow(world, *stream, next)).as_result();
        if (!line && line.error().is(Errc::timed_out)) {
            world.sometimes(true, "limits: a read is cancelled by its limit");
            continue;
        }
        if (!line) break;
        world.check(*line == line_of(next), "lines come whole, in order, and once");
        ++next;
    }
    lines = next;
    if (stream && world.network().reset == 0) world.check(lines == kLines, "without resets, every line comes");
}

void limits(World& world) {
    int lines = 0;
    Host& server = world.add_host("server");
    Host& client = world.add_host("client");
    server.run([&world](Reactor& reactor) { return serve_lines(world, reactor); });
    client.run([&](Reactor& reactor) { return read_with_limits(world, reactor, lines); });
    world.must([&] { return client.done(); }, "the reader ends", 2h);
    world.sometimes(lines == kLines, "limits: every line is read");
    world.finish();
}

// What is counted up and down in a task, however that ends.
class Presence {
public:
    explicit Presence(int& count) : count_(count) { ++count_; }
    ~Presence() { --count_; }
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;

private:
    int& count_;
};

// Tasks that share a fate: when one fails, none is left, and the group tells the error.
Deferred<> share_fate(World& world, Reactor& reactor, int& present, bool& told) {
    const uint64_t tasks = 2 + world.choose("tasks", 6);
    const uint64_t failing = world.choose("which task fails", tasks + 2);
    TimePoint failed_at{};
    TaskGroup group;
    for (uint64_t i = 0; i < tasks; ++i) {
        group.start([&, i]() -> Deferred<> {
            const Presence here(present);
            const Duration before = 1ms * static_cast<int>(world.choose("a task works, ms", 500));
            co_await sleep(reactor, before);
            if (world.one_in("a task goes on in the next turn", 3)) {
                const TimePoint asked = reactor.now();
                co_await call_soon(reactor, [] {});
                world.check(reactor.now() == asked, "what is ready does not wait");
            }
            if (i == failing) {
                failed_at = reactor.now();
                throw Error(Errc::broken, "as it is meant to");
            }
            auto stream = co_await dial(reactor, "tcp:server:7", 3);
            if (!stream) co_return;
            co_await stream->read_all().as_result();
        });
    }
    const auto joined = co_await group.join().as_result();
    told = !joined;
    world.check(present == 0, "no task outlives its group");
    world.check(told == (failing < tasks), "a group fails when one of its tasks does");
    if (told) world.check(reactor.now() == failed_at, "a task that fails ends the others at once");
    world.sometimes(told, "groups: a task fails and the others end");
}

void groups(World& world) {
    int present = 0;
    bool told = false;
    Host& server = world.add_host("server");
    Host& client = world.add_host("client");
    server.run([&world](Reactor& reactor) { return serve_lines(world, reactor); });
    client.run([&](Reactor& reactor) { return share_fate(world, reactor, present, told); });
    if (world.one_in("the client is stopped in between", 4)) {
        world.run_for(1ms * static_cast<int>(world.choose("after, ms", 600)));
        client.stop();
        world.check(present == 0, "a program that is stopped leaves no task");
    } else {
        world.must([&] { return client.done(); }, "the group ends", 2h);
    }
    world.finish();
}

// Puts an item while somebody waits who gives up before it can take it; false when there is no room.
bool put_past_a_getter(World& world, Queue<std::pair<int, int>>& queue, std::pair<int, int> item) {
    if (!world.one_in("a getter gives up behind a put", 4)) return false;
    const auto getter = queue.get();
    return queue.try_put(std::move(item));
}

// Producers, consumers that give up and come again, and a bound: every item is taken once, in its producer's order.
Deferred<> hand_over(World& world, Reactor& reactor) {
    constexpr int kProducers = 3, kItems = 20;
    Queue<std::pair<int, int>> queue(1 + world.choose("room in the queue", 4));
    std::vector<int> next(kProducers, 0);
    int taken = 0;
    TaskGroup group;
    for (int producer = 0; producer < kProducers; ++producer) {
        group.start([&, producer]() -> Deferred<> {
            for (int item = 0; item < kItems; ++item) {
                if (!put_past_a_getter(world, queue, {producer, item})) co_await queue.put({producer, item});
                if (world.one_in("a producer pauses", 4)) co_await sleep(reactor, 5ms);
            }
        });
    }
    for (int consumer = 0; consumer < 2; ++consumer) {
        group.start([&]() -> Deferred<> {
            while (taken < kProducers * kItems) {
                const Duration limit = 1ms * static_cast<int>(1 + world.choose("a consumer waits, ms", 10));
                auto item = co_await within(reactor, limit, queue.get()).as_result();
                world.sometimes(!item, "queue: a consumer gives up and comes again");
                if (!item) continue;
                world.check(item->second == next[static_cast<std::size_t>(item->first)]++,
                            "items of a producer come once, in order");
                ++taken;
            }
        });
    }
    co_await group.join();
    world.check(taken == kProducers * kItems, "every item is taken");
}

void queues(World& world) {
    Host& host = world.add_host("host");
    host.run([&world](Reactor& reactor) { return hand_over(world, reactor); });
    world.must([&] { return host.done(); }, "the queue is emptied", 2h);
    world.finish();
}

// Fires once for each time that it is armed, at its time, and not when it was taken back.
class Alarm final : public Timer {
public:
    Alarm(World& world, Reactor& reactor, std::deque<Alarm>& all) : world_(world), reactor_(reactor), all_(all) {}

    void set() {
        due_ = reactor_.now() + Duration(uint64_t{1} << 5 * world_.choose("an alarm in 32^x ns", 10));
        set_ = true;
        reactor_.timers().arm(*this, due_);
    }
    void take_back() {
        set_ = false;
        reactor_.timers().cancel(*this);
    }
    bool is_over() const noexcept { return !set_ && rings_ == 0; }

    void expired() override {
        world_.check(set_, "a timer fires once for each time that it is armed, and not when it was taken back");
        world_.check(reactor_.now() == due_, "a timer fires at its time");
        set_ = false;
        ++rings_;
        if (world_.one_in("a timer takes one back", 4)) all_[world_.choose("which alarm", all_.size())].take_back();
        if (world_.one_in("a timer turns its reactor", 4)) reactor_.turn(TimePoint::min());
        --rings_;
        if (!set_ && world_.one_in("a timer arms itself", 3)) set();
    }

private:
    World& world_;
    Reactor& reactor_;
    std::deque<Alarm>& all_;
    TimePoint due_{};
    bool set_ = false;
    int rings_ = 0;  // calls of expired() on the stack
};

Deferred<> set_alarms(World& world, Reactor& reactor) {
    std::deque<Alarm> alarms;
    for (int i = 0; i < 6; ++i) alarms.emplace_back(world, reactor, alarms);
    for (int i = 0; i < 40; ++i) {
        Alarm& one = alarms[world.choose("which alarm", alarms.size())];
        if (world.one_in("an alarm is taken back", 4)) {
            one.take_back();
        } else {
            one.set();
        }
        const Duration pause(uint64_t{1} << 5 * world.choose("a pause of 32^x ns", 8));
        if (world.one_in("a pause between alarms", 2)) co_await sleep(reactor, pause);
    }
    const auto is_over = [](const Alarm& one) { return one.is_over(); };
    while (!std::all_of(alarms.begin(), alarms.end(), is_over)) co_await sleep(reactor, 1h);
}

void alarms(World& world) {
    Host& host = world.add_host("host");
    host.run([&world](Reactor& reactor) { return set_alarms(world, reactor); });
    world.must([&] { return host.done(); }, "every alarm is over", 24h * 365);
    world.finish();
}

}  // namespace

std::vector<sim::Scenario> async_scenarios() {
    std::vector<sim::Scenario> all;
    all.push_back({"async-limits", limits});
    all.push_back({"async-groups", groups});
    all.push_back({"async-queues", queues});
    all.push_back({"async-alarms", alarms});
    return all;
}

}  // namespace bine::tests
