// Chains of a million steps: built, resolved, cancelled and dropped on a small stack, in every build.
#include <doctest/doctest.h>
#include <pthread.h>

#include <exception>
#include <utility>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/base/function.h"

using namespace bine;

namespace {

constexpr int kSteps = 1'000'000;

// Runs `body` in a thread with 256 KiB of stack. doctest's checks are for the caller's thread.
template <class F>
void on_small_stack(F body) {
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
    pthread_t thread;
    const auto run = [](void* argument) -> void* {
        (*static_cast<F*>(argument))();
        return nullptr;
    };
    REQUIRE(pthread_create(&thread, &attributes, run, &body) == 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
}

Deferred<int> plus_one(Deferred<int> below) {
    const int value = co_await std::move(below);
    co_return value + 1;
}

struct Count {
    explicit Count(int& into) : count(into) {}
    ~Count() { ++count; }
    int& count;
};

Deferred<int> counted(Deferred<int> below, int& destroyed) {
    const Count count(destroyed);
    const int value = co_await std::move(below);
    co_return value;
}

Deferred<int> chain_of_frames(Deferred<int> bottom) {
    for (int i = 0; i < kSteps; ++i) bottom = plus_one(std::move(bottom));
    return bottom;
}

}  // namespace

TEST_CASE("a million coroutines that await each other resolve on a small stack") {
    int got = 0;
    on_small_stack([&] {
        Promise<int> promise;
        auto top = chain_of_frames(promise.deferred());
        std::move(promise).resolve(0);
        if (top.done()) got = std::move(top).result().value_or(-1);
    });
    CHECK(got == kSteps);
}

TEST_CASE("a million callbacks in a row resolve on a small stack") {
    int got = 0;
    on_small_stack([&] {
        Promise<int> promise;
        auto top = promise.deferred();
        for (int i = 0; i < kSteps; ++i) top = std::move(top).then([](int value) { return value + 1; });
        std::move(promise).resolve(0);
        if (top.done()) got = std::move(top).result().value_or(-1);
    });
    CHECK(got == kSteps);
}

TEST_CASE("an error passes a million stages on a small stack") {
    bool right = false;
    on_small_stack([&] {
        Promise<int> promise;
        auto top = promise.deferred();
        for (int i = 0; i < kSteps; ++i) top = std::move(top).then([](int value) { return value + 1; });
        std::move(promise).fail(Errc::closed, "far down");
        right = top.done() && std::move(top).result().error().is(Errc::closed);
    });
    CHECK(right);
}

TEST_CASE("a million pending coroutines are dropped, and cancelled, on a small stack") {
    for (const bool cancel : {false, true}) {
        CAPTURE(cancel);
        int destroyed = 0;
        bool told = false;
        on_small_stack([&] {
            Promise<int> promise;
            promise.on_cancel([&]() noexcept { told = true; });
            auto top = promise.deferred();
            for (int i = 0; i < kSteps; ++i) top = counted(std::move(top), destroyed);
            if (cancel) top.cancel();
        });
        CHECK(told);
        CHECK(destroyed == kSteps);
    }
}

TEST_CASE("cancellation from below destroys a million waiting coroutines on a small stack") {
    int destroyed = 0;
    bool ended = false;
    on_small_stack([&] {
        Promise<int> promise;
        auto top = promise.deferred();
        for (int i = 0; i < kSteps; ++i) top = counted(std::move(top), destroyed);
        {
            const Promise<int> forgotten = std::move(promise);
        }
        ended = top.done();
    });
    CHECK(destroyed == kSteps);
    CHECK(ended);
}

TEST_CASE("a million pending callbacks are dropped on a small stack") {
    int finals = 0;
    on_small_stack([&] {
        Promise<> promise;
        auto top = promise.deferred();
        for (int i = 0; i < kSteps; ++i) top = std::move(top).finally([&] { ++finals; });
    });
    CHECK(finals == kSteps);
}

TEST_CASE("a coroutine awaits a million results, those that are there and those that come") {
    long sum = 0;
    on_small_stack([&] {
        Promise<int> next;
        const auto body = [](Promise<int>& promise) -> Deferred<long> {
            long total = 0;
            for (int i = 0; i < kSteps; ++i) {
                total += co_await ready(1);
                promise = Promise<int>();
                total += co_await promise.deferred();
            }
            co_return total;
        };
        auto total = body(next);
        while (!total.done()) {
            Promise<int> now = std::move(next);
            std::move(now).resolve(1);
        }
        sum = std::move(total).result().value_or(0);
    });
    CHECK(sum == 2L * kSteps);
}

TEST_CASE("a callback that resolves the next promise, a million times, runs on a small stack") {
    int ran = 0;
    on_small_stack([&] {
        std::vector<Promise<>> promises(kSteps);
        std::vector<Deferred<>> ends;
        for (int i = 0; i < kSteps; ++i) {
            ends.push_back(promises[static_cast<std::size_t>(i)].deferred().then([&, next = i + 1] {
                ++ran;
                if (next < kSteps) std::move(promises[static_cast<std::size_t>(next)]).resolve();
            }));
        }
        std::move(promises[0]).resolve();
    });
    CHECK(ran == kSteps);
}

TEST_CASE("two coroutines play a million rounds of ping-pong on a small stack") {
    int rounds = 0;
    on_small_stack([&] {
        Promise<> a, b;
        Deferred<> wait_a = a.deferred(), wait_b = b.deferred();
        const auto play = [](Deferred<>& wait_mine, Promise<>& mine, Promise<>& other, int& count) -> Deferred<> {
            for (int i = 0; i < kSteps / 2; ++i) {
                co_await std::move(wait_mine);
                ++count;
                mine = Promise<>();
                wait_mine = mine.deferred();
                Promise<> stroke = std::move(other);
                std::move(stroke).resolve();
            }
        };
        auto first = play(wait_a, a, b, rounds);
        auto second = play(wait_b, b, a, rounds);
        std::move(a).resolve();
    });
    CHECK(rounds == kSteps);
}

TEST_CASE("a loop of callbacks that return Deferreds goes a million rounds on a small stack") {
    int rounds = 0;
    bool ended = false;
    on_small_stack([&] {
        Promise<> next;
        Function<Deferred<>()> again;
        again = [&]() -> Deferred<> {
            next = Promise<>();
            return next.deferred().then([&]() -> Deferred<> {
                if (++rounds == kSteps) return ready();
                return again();
            });
        };
        auto all = again();
        while (!all.done()) {
            Promise<> now = std::move(next);
            std::move(now).resolve();
        }
        ended = true;
    });
    CHECK(rounds == kSteps);
    CHECK(ended);
}
