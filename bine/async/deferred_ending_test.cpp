// Cancelling, dropping, and what may happen on the way: in what order things end, and that nothing is touched afterwards.
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/base/function.h"

using namespace bine;

namespace {

// Writes its name when it is destroyed.
struct Note {
    Note(std::string& into, std::string text) : log(into), name(std::move(text)) {}
    Note(const Note&) = delete;
    Note& operator=(const Note&) = delete;
    ~Note() { log += name + " "; }

    std::string& log;
    std::string name;
};

// Calls something when it is destroyed.
struct AtEnd {
    explicit AtEnd(Function<void()> f) : function(std::move(f)) {}
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;
    ~AtEnd() { function(); }

    Function<void()> function;
};

Deferred<> wait_noting(Deferred<> below, std::string& log, std::string name) {
    const Note note(log, name);
    co_await std::move(below);
    log += name + "-went-on ";
}

Deferred<> wait_then(Deferred<> below, Function<void()> at_end) {
    const AtEnd end(std::move(at_end));
    co_await std::move(below);
}

template <class T>
bool was_cancelled(Deferred<T>& deferred) {
    if (!deferred.done()) return false;
    const auto result = std::move(deferred).result();
    return !result && result.error().is(Errc::cancelled);
}

// A chain with a note at each of three levels; `promise` is at the bottom.
Deferred<> three_levels(Promise<>& promise, std::string& log) {
    promise.on_cancel([&]() noexcept { log += "operation "; });
    return wait_noting(wait_noting(wait_noting(promise.deferred(), log, "inner"), log, "middle"), log, "outer");
}

}  // namespace

TEST_CASE("dropping a Deferred tells the operation, then destroys the frames, innermost first") {
    std::string log;
    Promise<> promise;
    {
        auto chain = three_levels(promise, log);
    }
    CHECK(log == "operation inner middle outer ");
    CHECK_FALSE(promise.wanted());
    std::move(promise).resolve();
    CHECK(log == "operation inner middle outer ");
}

TEST_CASE("cancel does the same, and whoever waits sees cancelled") {
    std::string log;
    Promise<> promise;
    auto chain = three_levels(promise, log);
    chain.cancel();
    CHECK(log == "operation inner middle outer ");
    CHECK(was_cancelled(chain));
}

TEST_CASE("a Promise that is forgotten ends what waits for it cancelled, outward until somebody asks") {
    std::string log;
    bool asked = false;
    Promise<> promise;
    auto chain = three_levels(promise, log).as_result().then([&](const Result<>& result) {
        asked = !result && result.error().is(Errc::cancelled);
    });
    {
        const Promise<> forgotten = std::move(promise);
    }
    CHECK(log == "inner middle outer ");
    CHECK(asked);
    CHECK(chain.done());
}

TEST_CASE("cancelling a result that is there changes nothing") {
    auto deferred = ready(3);
    deferred.cancel();
    CHECK(std::move(deferred).result().value() == 3);
}

TEST_CASE("recover does not see a cancellation") {
    bool seen = false;
    Promise<> promise;
    auto chain = promise.deferred().recover([&](const Error&) { seen = true; });
    chain.cancel();
    CHECK_FALSE(seen);
    CHECK(was_cancelled(chain));
}

TEST_CASE("parameters of a coroutine are destroyed when its body ends, not with its result") {
    auto counted = std::make_shared<int>(1);
    const auto body = [](std::shared_ptr<int> value, Deferred<> below) -> Deferred<int> {
        co_await std::move(below);
        co_return *value;
    };
    Promise<> promise;
    auto result = body(counted, promise.deferred());
    CHECK(counted.use_count() == 2);
    std::move(promise).resolve();
    CHECK(counted.use_count() == 1);
    CHECK(std::move(result).result().value() == 1);
}

TEST_CASE("a coroutine that resolves its caller's promise finishes its sentence first") {
    const auto child = [](std::string& local, Promise<int> promise) -> Deferred<> {
        std::move(promise).resolve(1);
        local += "x";
        co_return;
    };
    const auto parent = [&]() -> Deferred<std::string> {
        std::string local = "a string that is too long for its own buffer";
        Promise<int> promise;
        auto wait = promise.deferred();
        child(local, std::move(promise)).detach();
        co_await std::move(wait);
        co_return local;
    };
    auto started = parent();
    CHECK(std::move(started).result().value().back() == 'x');

    // And the same when the child goes on later.
    Promise<> go;
    const auto late_child = [](std::string& local, Promise<int> promise, Deferred<> signal) -> Deferred<> {
        co_await std::move(signal);
        std::move(promise).resolve(1);
        local += "y";
    };
    const auto late_parent = [&]() -> Deferred<std::string> {
        std::string local = "a string that is too long for its own buffer";
        Promise<int> promise;
        auto wait = promise.deferred();
        late_child(local, std::move(promise), go.deferred()).detach();
        co_await std::move(wait);
        co_return local;
    };
    auto later = late_parent();
    std::move(go).resolve();
    CHECK(std::move(later).result().value().back() == 'y');
}

TEST_CASE("continuations run one at a time, first in first out, and a finished one's parent comes before") {
    std::string log;
    Promise<> start, a, b;
    auto after_a = a.deferred().then([&] { log += "a "; });
    auto after_b = b.deferred().then([&] { log += "b "; });
    auto first = start.deferred()
                     .then([&] {
                         log += "[ ";
                         std::move(a).resolve();
                         std::move(b).resolve();
                         log += "] ";
                     })
                     .then([&] { log += "parent "; });
    std::move(start).resolve();
    CHECK(log == "[ ] parent a b ");
}

TEST_CASE("a callback added to a result that is there waits for the callback that adds it") {
    std::string log;
    auto outer = ready().then([&] {
        log += "[ ";
        auto inner = ready().then([&] { log += "inner "; });
        log += "] ";
        return inner;
    });
    CHECK(log == "[ ] inner ");
    CHECK(outer.done());
}

TEST_CASE("cancel from a callback marks the chain: it ends when the callback has returned, and nothing in it goes on") {
    std::string log;
    Promise<> start, inner;
    auto chain = three_levels(inner, log);
    auto canceller = start.deferred().then([&] {
        std::move(inner).resolve();
        chain.cancel();
        log += "returned ";
    });
    std::move(start).resolve();
    CHECK(log == "returned inner middle outer ");
    CHECK(was_cancelled(chain));
}

TEST_CASE("dropping a chain from a callback is done at once, when nothing of it is on the stack") {
    std::string log;
    Promise<> start, inner;
    std::optional<Deferred<>> chain = three_levels(inner, log);
    auto dropper = start.deferred().then([&] {
        chain.reset();
        log += "returned ";
    });
    std::move(start).resolve();
    CHECK(log == "operation inner middle outer returned ");
}

TEST_CASE("a coroutine that drops its own Deferred ends at its next await") {
    std::string log;
    std::optional<Deferred<>> self;
    Promise<> start, never;
    const auto body = [&](Deferred<> signal) -> Deferred<> {
        const Note note(log, "destroyed");
        co_await std::move(signal);
        self.reset();
        log += "still-here ";
        co_await never.deferred();
        log += "went-on ";
    };
    self = body(start.deferred());
    std::move(start).resolve();
    CHECK(log == "still-here destroyed ");
}

TEST_CASE("the next await may be of a result that is there") {
    std::string log;
    std::optional<Deferred<>> self;
    Promise<> start;
    const auto body = [&](Deferred<> signal) -> Deferred<> {
        const Note note(log, "destroyed");
        co_await std::move(signal);
        self->cancel();
        log += "still-here ";
        co_await ready();
        log += "went-on ";
    };
    self = body(start.deferred());
    std::move(start).resolve();
    CHECK(log == "still-here destroyed ");
    CHECK(was_cancelled(*self));
}

TEST_CASE("a coroutine that cancels itself and awaits nothing more completes") {
    std::optional<Deferred<int>> self;
    Promise<> start;
    const auto body = [&](Deferred<> signal) -> Deferred<int> {
        co_await std::move(signal);
        self->cancel();
        co_return 5;
    };
    self = body(start.deferred());
    std::move(start).resolve();
    CHECK(std::move(*self).result().value() == 5);
}

TEST_CASE("a coroutine deep in a chain may drop the top of the chain") {
    std::string log;
    std::optional<Deferred<>> top;
    Promise<> start;
    const auto body = [&](Deferred<> signal) -> Deferred<> {
        const Note note(log, "bottom");
        co_await std::move(signal);
        top.reset();
        log += "dropped ";
        co_await ready();
        log += "went-on ";
    };
    top = wait_noting(wait_noting(body(start.deferred()), log, "middle"), log, "outer");
    std::move(start).resolve();
    CHECK(log == "dropped bottom middle outer ");
}

TEST_CASE("a coroutine that is started by a callback may drop the chain of that callback") {
    std::string log;
    std::optional<Deferred<>> top;
    Promise<> start;
    const auto eager = [&]() -> Deferred<> {
        top.reset();
        log += "dropped ";
        co_return;
    };
    const auto body = [&](Deferred<> signal) -> Deferred<> {
        const Note note(log, "bottom");
        co_await std::move(signal);
        co_await eager();
        log += "went-on ";
    };
    top = wait_noting(body(start.deferred()), log, "outer");
    std::move(start).resolve();
    CHECK(log == "dropped bottom outer ");
}

TEST_CASE("a callback may destroy its own Deferred, and its owner") {
    std::string log;
    struct Owner {
        std::string text = "something that lives on the heap, outside of the object";
        Deferred<> task;
    };
    auto owner = std::make_unique<Owner>();
    Promise<> start;
    owner->task = start.deferred()
                      .then([&, note = std::make_unique<Note>(log, "callback")] {
                          owner.reset();
                          log += "after ";
                      })
                      .then([&] { log += "went-on "; });
    std::move(start).resolve();
    CHECK(log == "after callback ");
}

TEST_CASE("what is destroyed may resolve, cancel and drop others of the same chain") {
    std::string log;
    std::optional<Deferred<>> top;
    Promise<> bottom, other;
    auto listener = other.deferred().then([&] { log += "heard "; });
    auto inner = wait_then(bottom.deferred(), [&] {
        std::move(other).resolve();
        top->cancel();
        top.reset();
        log += "inner ";
    });
    top = wait_noting(wait_noting(std::move(inner), log, "middle"), log, "outer");
    SUBCASE("when it is cancelled") { top->cancel(); }
    SUBCASE("when it is dropped") { Deferred<> gone = std::exchange(*top, Deferred<>()); }
    SUBCASE("when the operation is forgotten") { const Promise<> gone = std::move(bottom); }
    CHECK(log == "inner middle outer heard ");
    CHECK(listener.done());
}

TEST_CASE("what is destroyed may delete the owner of its chain") {
    struct Owner {
        Deferred<> task;
        std::string log;
    };
    std::string log;
    auto* owner = new Owner;
    Promise<> bottom;
    owner->task = wait_noting(wait_then(bottom.deferred(),
                                        [&] {
                                            delete std::exchange(owner, nullptr);
                                            log += "deleted ";
                                        }),
                              log, "outer");
    SUBCASE("on cancellation from within") { const Promise<> gone = std::move(bottom); }
    SUBCASE("on cancel") { owner->task.cancel(); }
    CHECK(log == "deleted outer ");
    CHECK(owner == nullptr);
}

TEST_CASE("an operation that is cancelled may resolve its promise: nobody hears") {
    Promise<int> promise;
    bool heard = false;
    auto chain = promise.deferred().then([&](int) { heard = true; });
    Promise<int>* handle = &promise;
    promise.on_cancel([handle]() noexcept { std::move(*handle).resolve(1); });
    chain.cancel();
    CHECK_FALSE(heard);
    CHECK(was_cancelled(chain));
    CHECK_FALSE(promise);
}

TEST_CASE("on_cancel is called once, at once when it comes late, and never when there was a result") {
    int called = 0;
    const auto count = [&]() noexcept { ++called; };
    Promise<> late;
    {
        auto gone = late.deferred();
    }
    late.on_cancel(count);
    CHECK(called == 1);

    Promise<> resolved;
    auto kept = resolved.deferred();
    resolved.on_cancel(count);
    std::move(resolved).resolve();
    kept = {};
    CHECK(called == 1);

    Promise<> replaced;
    auto dropped = replaced.deferred();
    replaced.on_cancel([]() noexcept { FAIL("the first one was replaced"); });
    replaced.on_cancel(count);
    dropped = {};
    CHECK(called == 2);
}

TEST_CASE("a canceller of any size is destroyed once") {
    auto counted = std::make_shared<int>(0);
    const auto canceller = [counted, filler = std::string("filler")]() noexcept { ++*counted; };
    {
        Promise<> promise;
        auto deferred = promise.deferred();
        promise.on_cancel(canceller);
        CHECK(counted.use_count() == 3);
        deferred.cancel();
        CHECK(counted.use_count() == 2);
        CHECK(*counted == 1);
    }
    {
        Promise<> promise;
        promise.on_cancel(canceller);
        std::move(promise).resolve();
    }
    CHECK(counted.use_count() == 2);
    CHECK(*counted == 1);
}

TEST_CASE("a map of promises may be cleared by those who wait") {
    std::map<int, Promise<>> pending;
    int ended = 0;
    std::vector<Deferred<>> waiting;
    for (int i = 0; i < 10; ++i) {
        auto& promise = pending.try_emplace(i).first->second;
        promise.on_cancel([&pending, i]() noexcept { pending.erase(i); });
        waiting.push_back(promise.deferred().finally([&] { ++ended; }));
    }
    auto taken = std::exchange(pending, {});
    taken.clear();
    CHECK(ended == 10);
    waiting.clear();
}

TEST_CASE("cancelling an inner Deferred ends the outer ones up to the one that asks, and no further") {
    std::string log;
    Promise<> bottom, later;
    std::optional<Deferred<>> inner = wait_noting(bottom.deferred(), log, "inner");
    Deferred<>* handle = &*inner;
    (void)handle;
    const auto outer = [&](Deferred<Result<>> below) -> Deferred<bool> {
        const auto result = co_await std::move(below);
        log += "asked ";
        co_await later.deferred();
        co_return result.has_value();
    };
    auto chain = outer(wait_noting(std::move(*inner), log, "middle").as_result());
    {
        const Promise<> gone = std::move(bottom);
    }
    CHECK(log == "inner middle asked ");
    std::move(later).resolve();
    CHECK_FALSE(std::move(chain).result().value());
}

TEST_CASE("awaiting what was cancelled already ends the coroutine at its first await") {
    std::string log;
    Promise<> gone;
    auto cancelled = gone.deferred();
    cancelled.cancel();
    auto chain = wait_noting(std::move(cancelled), log, "frame");
    CHECK(log == "frame ");
    CHECK(was_cancelled(chain));
}

TEST_CASE("a Deferred that outlives its frame keeps its result, and a frame that outlives its Deferred keeps nothing") {
    Promise<std::string> promise;
    auto text = [](Deferred<std::string> below) -> Deferred<std::string> {
        auto value = co_await std::move(below);
        co_return value + "!";
    }(promise.deferred());
    std::move(promise).resolve("a value that is longer than a small string");
    CHECK(std::move(text).result().value().back() == '!');
}

TEST_CASE("a coroutine whose parameter cannot be copied never starts, and leaks nothing") {
    struct Thrower {
        Thrower() = default;
        Thrower(const Thrower&) { throw 1; }
    };
    bool started = false;
    const auto body = [&](Thrower) -> Deferred<> {
        started = true;
        co_return;
    };
    const Thrower thrower;
    CHECK_THROWS_AS(body(thrower).detach(), int);
    CHECK_FALSE(started);
    auto after = [&]() -> Deferred<int> { co_return 1; }();
    CHECK(std::move(after).result().value() == 1);
}
