// Random programs of promises, coroutines, callbacks and groups that resolve, cancel and drop each other from everywhere: from plain
// code, from bodies, and from destructors. Whatever happens, every body ends once, and sanitizers find nothing.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/async/gather.h"
#include "bine/async/race.h"
#include "bine/async/scope.h"
#include "bine/async/task_group.h"
#include "bine/base/log.h"

using namespace bine;

namespace {

class World {
public:
    explicit World(uint64_t seed) : state_(seed * 2654435761u + 1) {}

    // Plain code's part.
    void run() {
        for (int i = 0; i < 60; ++i) act(0);
        ending_ = true;
        scope_ = std::make_unique<Scope>();
        // What is destroyed may still look at these lists, and add to them.
        while (!deferreds_.empty() || !promises_.empty()) {
            {
                const auto deferreds = std::exchange(deferreds_, {});
            }
            {
                const auto promises = std::exchange(promises_, {});
            }
        }
    }

    // What was chosen, and in which order.
    uint64_t trace() const { return state_; }

    int bodies = 0, ended = 0, finals = 0, finals_run = 0;

private:
    // Counts a body, and does something when it is destroyed.
    struct Body {
        explicit Body(World& w) : world(w) { ++world.bodies; }
        Body(const Body&) = delete;
        Body& operator=(const Body&) = delete;
        ~Body() {
            ++world.ended;
            if (world.choose(3) == 0) world.act(5);
        }
        World& world;
    };

    unsigned choose(unsigned n) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<unsigned>((state_ >> 33) % n);
    }

    static Deferred<> frame(World& world, Deferred<> below, unsigned depth) {
        const Body body(world);
        if (world.choose(2) == 0) world.act(depth + 1);
        switch (world.choose(3)) {
            case 0: co_await std::move(below); break;
            case 1: co_await std::move(below).or_end(); break;
            default: {
                const auto result = co_await std::move(below).as_result();
                (void)result;
            }
        }
        world.act(depth + 1);
        if (world.choose(4) == 0) co_await ready();
        if (world.choose(6) == 0) throw Error(Errc::closed, "a frame fails");
    }

    static Deferred<> group(World& world, Deferred<> a, Deferred<> b, unsigned depth) {
        const Body body(world);
        TaskGroup tasks;
        tasks.start(std::move(a));
        tasks.start([&, below = std::move(b)]() mutable -> Deferred<> {
            const Body inner(world);
            world.act(depth + 1);
            co_await std::move(below);
            world.act(depth + 1);
        });
        if (world.choose(2) == 0) world.act(depth + 1);
        co_await tasks.join();
        world.act(depth + 1);
    }

    // `fresh`: not one that is there already, which might wait for whoever asks.
    Deferred<> some(bool fresh = false) {
        if (!fresh && !deferreds_.empty() && choose(3) != 0) {
            const std::size_t at = choose(static_cast<unsigned>(deferreds_.size()));
            std::swap(deferreds_[at], deferreds_.back());
            Deferred<> taken = std::move(deferreds_.back());
            deferreds_.pop_back();
            return taken;
        }
        if (choose(8) == 0) return ready();
        promises_.emplace_back();
        if (choose(2) == 0) {
            promises_.back().on_cancel([this]() noexcept {
                if (choose(3) == 0) act(6);
            });
        }
        return promises_.back().deferred();
    }

    void keep(Deferred<> deferred) {
        if (ending_) return;
        deferreds_.push_back(std::move(deferred));
    }

    Promise<> take_promise() {
        const std::size_t at = choose(static_cast<unsigned>(promises_.size()));
        std::swap(promises_[at], promises_.back());
        Promise<> taken = std::move(promises_.back());
        promises_.pop_back();
        return taken;
    }

    void callback(unsigned depth) {
        auto next = some().then([this, depth, body = std::make_unique<Body>(*this)]() -> Deferred<> {
            act(depth + 1);
            if (choose(5) == 0) throw Error(Errc::closed, "a callback fails");
            return choose(3) == 0 ? some(true) : ready();
        });
        ++finals;
        keep(std::move(next).finally([this] { ++finals_run; }));
    }

    void make_of_two(unsigned depth, int kind) {
        auto first = some();
        auto second = some();
        switch (kind) {
            case 0: keep(gather(std::move(first), std::move(second)).then([](auto) {})); break;
            case 1: keep(race(std::move(first), std::move(second)).then([](auto) {})); break;
            default: keep(group(*this, std::move(first), std::move(second), depth)); break;
        }
    }

    void make_something(unsigned depth) {
        switch (choose(8)) {
            case 0: callback(depth); break;
            case 1: keep(some().recover([this, depth](const Error&) { act(depth + 1); })); break;
            case 2: make_of_two(depth, 0); break;
            case 3: make_of_two(depth, 1); break;
            case 4: make_of_two(depth, 2); break;
            case 5: keep(scope_->run(some())); break;
            case 6: some().detach([](const Error&) {}); break;
            default: keep(frame(*this, some(), depth)); break;
        }
    }

    void act(unsigned depth) {
        if (ending_ || depth > 6) return;
        switch (choose(8)) {
            case 0:
                if (!promises_.empty()) {
                    const Promise<> forgotten = take_promise();
                }
                break;
            case 1:
            case 2:
                if (!promises_.empty()) std::move(take_promise()).resolve();
                break;
            case 3:
                if (!promises_.empty()) std::move(take_promise()).fail(Errc::closed, "an operation fails");
                break;
            case 4:
                if (!deferreds_.empty()) deferreds_[choose(static_cast<unsigned>(deferreds_.size()))].cancel();
                break;
            case 5:
                if (choose(2) == 0) {
                    const Deferred<> dropped = some();
                } else if (choose(4) == 0) {
                    const auto scope = std::exchange(scope_, std::make_unique<Scope>());
                    scope->cancel();
                }
                break;
            default: make_something(depth); break;
        }
    }

    uint64_t state_;
    bool ending_ = false;
    std::unique_ptr<Scope> scope_ = std::make_unique<Scope>();
    std::vector<Promise<>> promises_;
    std::vector<Deferred<>> deferreds_;
};

}  // namespace

TEST_CASE("whatever programs do to their Deferreds, every body ends once, and in the same order in every build") {
    auto old = log::set_sink([](const log::Record&) {});
    int bodies = 0;
    uint64_t traces = 0;
    for (uint64_t seed = 1; seed <= 2000; ++seed) {
        CAPTURE(seed);
        World world(seed);
        world.run();
        REQUIRE(world.bodies == world.ended);
        REQUIRE(world.finals == world.finals_run);
        bodies += world.bodies;
        traces = traces * 31 + world.trace();
    }
    log::set_sink(std::move(old));
    CHECK(bodies > 15'000);
    CHECK(traces == 4432467851131681860u);
}
