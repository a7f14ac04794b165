#include "bine/async/context.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "bine/async/deferred.h"

using namespace bine;

namespace {

struct Request final : Context {
    Request(std::string n, int& count) : name(std::move(n)), alive(count) { ++alive; }
    ~Request() override { --alive; }
    std::string name;
    int& alive;
};

std::string current_name() {
    const Context* context = current_context();
    return context ? static_cast<const Request*>(context)->name : "none";
}

}  // namespace

TEST_CASE("a coroutine and a callback run in the context they were made in, whoever resumes them") {
    int alive = 0;
    std::string log;
    Promise<> first, second;
    const auto body = [&](Deferred<> below) -> Deferred<> {
        log += current_name() + " ";
        co_await std::move(below);
        log += current_name() + " ";
    };
    Deferred<> frame, callback;
    {
        const ContextScope scope(ContextPtr(new Request("one", alive)));
        frame = body(first.deferred());
        callback = second.deferred().then([&] { log += current_name() + " "; });
    }
    CHECK(current_name() == "none");
    {
        const ContextScope scope(ContextPtr(new Request("two", alive)));
        std::move(first).resolve();
        std::move(second).resolve();
        CHECK(current_name() == "two");
    }
    CHECK(log == "one one one ");
    frame = {};
    callback = {};
    CHECK(alive == 0);
}

TEST_CASE("what a coroutine sets stays inside, across its awaits and in its destruction") {
    int alive = 0;
    std::string log;
    struct AtEnd {
        std::string& into;
        ~AtEnd() { into += current_name() + " "; }
    };
    const auto body = [&](Deferred<> below) -> Deferred<> {
        const ContextScope scope(ContextPtr(new Request("inner", alive)));
        const AtEnd end{log};
        co_await std::move(below);
        log += current_name() + " ";
    };
    Promise<> resolved, dropped;
    auto a = body(resolved.deferred());
    auto b = body(dropped.deferred());
    CHECK(current_name() == "none");
    std::move(resolved).resolve();
    CHECK(log == "inner inner ");
    b = {};
    CHECK(log == "inner inner inner ");
    CHECK(current_name() == "none");
    CHECK(alive == 0);
}

TEST_CASE("threads have chains and contexts of their own") {
    std::vector<std::thread> threads;
    std::vector<int> sums(4);
    for (auto& sum : sums) {
        threads.emplace_back([&sum] {
            const auto body = [](Deferred<int> below) -> Deferred<int> {
                const int value = co_await std::move(below);
                co_return value + 1;
            };
            for (int i = 0; i < 10'000; ++i) {
                Promise<int> promise;
                auto chain = body(promise.deferred()).then([](int value) { return value; });
                std::move(promise).resolve(0);
                sum += std::move(chain).result().value_or(0);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(sums == std::vector<int>(4, 10'000));
}
