#include "bine/reactor/workers.h"

#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace bine {
namespace {

// The program of a worker that does nothing but turn.
void turn(Worker& worker) { worker.reactor().run(); }

// Runs `first` in a turn of the first of `count` workers; the others only turn. `first` has to end it with stop_all().
void run_from_first(std::size_t count, Function<void(Worker&)> first) {
    run_workers(count, [&](Worker& worker) {
        if (worker.index() == 0) worker.post(0, [&](Worker& self) { first(self); });
        turn(worker);
    });
}

TEST_CASE("each worker has a thread, a name and a reactor of its own, and the first is the calling thread") {
    struct Seen {
        std::thread::id thread;
        Reactor* reactor = nullptr;
        std::string name;
    };
    std::vector<Seen> seen(3);
    run_workers(3, [&](Worker& worker) {
        CHECK(worker.count() == 3);
        CHECK(worker.reactor().in_thread());
        char name[16]{};
        ::pthread_getname_np(::pthread_self(), name, sizeof name);
        seen[worker.index()] = {std::this_thread::get_id(), &worker.reactor(), name};
    });
    CHECK(seen[0].thread == std::this_thread::get_id());
    CHECK(seen[1].thread != seen[0].thread);
    CHECK(seen[1].thread != seen[2].thread);
    for (const Seen& one : seen) CHECK(one.reactor);
    CHECK(seen[2].name == "bine-3");
}

TEST_CASE("messages of a thread arrive in the order in which they were sent, in the thread of the receiver") {
    constexpr int kMessages = 1000;
    std::vector<int> received;
    run_workers(2, [&](Worker& worker) {
        const auto self = std::this_thread::get_id();
        if (worker.index() == 1) {
            for (int i = 0; i < kMessages; ++i) {
                worker.post(0, [&, i, self](Worker& there) {
                    CHECK(there.index() == 0);
                    CHECK(std::this_thread::get_id() != self);
                    received.push_back(i);
                    if (i == kMessages - 1) there.stop_all();
                });
            }
        }
        turn(worker);
    });
    REQUIRE(received.size() == kMessages);
    for (int i = 0; i < kMessages; ++i) CHECK(received[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("workers sum up by messages what each has counted") {
    int sum = 0;
    std::size_t told = 0;
    run_workers(4, [&](Worker& worker) {
        const int mine = 1 << worker.index();
        worker.post(0, [&, mine](Worker& first) {
            sum += mine;
            if (++told == first.count()) first.stop_all();
        });
        turn(worker);
    });
    CHECK(sum == 15);
}

TEST_CASE("a broadcast reaches every worker, the sender too") {
    std::atomic<int> reached = 0;
    run_from_first(3, [&](Worker& first) {
        first.broadcast([&](Worker& there) {
            ++reached;
            there.reactor().stop();
        });
    });
    CHECK(reached == 3);
}

Deferred<> ask_all(Worker& first, std::vector<std::thread::id>& threads) {
    const auto home = std::this_thread::get_id();
    for (std::size_t to = 0; to < first.count(); ++to) {
        threads.push_back(co_await first.call(to, [](Worker&) { return std::this_thread::get_id(); }));
        CHECK(std::this_thread::get_id() == home);
    }
    co_await first.call(1, [](Worker& there) { CHECK(there.index() == 1); });
    first.stop_all();
}

TEST_CASE("a call runs there and its result comes back") {
    std::vector<std::thread::id> threads;
    run_from_first(3, [&](Worker& first) { ask_all(first, threads).detach(); });
    REQUIRE(threads.size() == 3);
    CHECK(threads[0] == std::this_thread::get_id());
    CHECK(threads[1] != threads[2]);
}

TEST_CASE("what is moved there and back need not be copied") {
    std::unique_ptr<int> got;
    run_from_first(2, [&](Worker& first) {
        first.call(1, [value = std::make_unique<int>(7)](Worker&) mutable { return std::move(value); })
            .then([&](std::unique_ptr<int> value) {
                got = std::move(value);
                first.stop_all();
            })
            .detach();
    });
    REQUIRE(got);
    CHECK(*got == 7);
}

Deferred<> expect_failure(Worker& first, std::string& text) {
    const auto result = co_await first.call(1, [](Worker&) -> int { throw std::runtime_error("no"); }).as_result();
    if (!result) text = result.error().text();
    first.stop_all();
}

TEST_CASE("what a call throws comes back as its error") {
    std::string text;
    run_from_first(2, [&](Worker& first) { expect_failure(first, text).detach(); });
    CHECK(text == "no");
}

// Calls a worker that has ended, or that ends before it comes to the call.
Deferred<> call_in_vain(Worker& first, Errc& code) {
    const auto result = co_await first.call(1, [](Worker&) { return 1; }).as_result();
    if (!result && result.error().is(Errc::closed)) code = Errc::closed;
    first.stop_all();
}

TEST_CASE("a worker that has ended takes no message and fails calls") {
    Errc code{};
    std::atomic<bool> ended = false;
    run_workers(2, [&](Worker& worker) {
        if (worker.index() == 1) {
            ended = true;
            ended.notify_one();
            return;
        }
        ended.wait(false);
        while (worker.post(1, [](Worker&) {})) std::this_thread::yield();
        worker.post(0, [&](Worker& self) { call_in_vain(self, code).detach(); });
        turn(worker);
    });
    CHECK(code == Errc::closed);
}

TEST_CASE("a call that its worker never comes to fails") {
    Errc code{};
    std::atomic<bool> called = false;
    run_workers(2, [&](Worker& worker) {
        if (worker.index() == 1) return called.wait(false);  // ends without a turn
        worker.post(0, [&](Worker& self) {
            call_in_vain(self, code).detach();
            called = true;
            called.notify_one();
        });
        turn(worker);
    });
    CHECK(code == Errc::closed);
}

Deferred<> wait_for_ever(Worker& asking, std::atomic<bool>& asked, bool& destroyed) {
    struct Guard {
        ~Guard() { flag = true; }
        bool& flag;
    };
    const Guard guard{destroyed};
    auto pending = asking.call(0, [](Worker&) { return 1; });
    asked = true;
    asked.notify_one();
    co_await std::move(pending);
    FAIL("the asking worker has ended");
}

TEST_CASE("a worker that ends before its answer comes ends what waits for it, in its own thread") {
    std::atomic<bool> asked = false;
    std::atomic<bool> ended = false;
    bool destroyed = false;
    run_workers(2, [&](Worker& worker) {
        if (worker.index() == 1) {
            wait_for_ever(worker, asked, destroyed).detach();
            return;
        }
        asked.wait(false);
        while (worker.post(1, [](Worker&) {})) std::this_thread::yield();
        ended = true;
        worker.reactor().turn(TimePoint::min());  // answers nobody
    });
    CHECK(ended);
    CHECK(destroyed);
}

TEST_CASE("an exception of one worker stops all others and is thrown once") {
    std::atomic<int> returned = 0;
    const auto program = [&](Worker& worker) {
        if (worker.index() == 2) throw std::runtime_error("out of luck");
        turn(worker);
        ++returned;
    };
    CHECK_THROWS_WITH_AS(run_workers(4, program), "out of luck", std::runtime_error);
    CHECK(returned == 3);
}

TEST_CASE("a reactor that cannot be made lets no program begin") {
    std::atomic<int> begun = 0;
    int made = 0;
    const auto make = [&] {
        if (++made == 3) throw Error(Errc::unsupported, "no more of them");
        return std::make_unique<Reactor>();
    };
    CHECK_THROWS_WITH_AS(run_workers(3, [&](Worker&) { ++begun; }, make), "no more of them", Error);
    CHECK(begun == 0);
    CHECK(made == 3);
}

TEST_CASE("no workers are a mistake") {
    CHECK_THROWS_WITH_AS(run_workers(0, [](Worker&) {}), "run no workers", Error);
}

TEST_CASE("one worker is the calling thread alone") {
    bool ran = false;
    run_from_first(1, [&](Worker& only) {
        ran = true;
        only.stop_all();
    });
    CHECK(ran);
}

}  // namespace
}  // namespace bine
