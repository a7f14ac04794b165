#include "bine/async/deferred.h"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bine/base/log.h"

using namespace bine;

namespace {

// What the log was told while this lives.
class LogCapture {
public:
    LogCapture() {
        old_ = log::set_sink([this](const log::Record& record) {
            lines.push_back(std::string(record.area) + ": " + log::to_line(record));
        });
    }
    ~LogCapture() { log::set_sink(std::move(old_)); }

    std::vector<std::string> lines;

private:
    log::Sink old_;
};

Deferred<int> add(Deferred<int> a, Deferred<int> b) {
    const int left = co_await std::move(a);
    const int right = co_await std::move(b);
    co_return left + right;
}

Deferred<> forward(Deferred<> deferred) { co_await std::move(deferred); }

template <class T>
bool was_cancelled(Deferred<T>& deferred) {
    REQUIRE(deferred.done());
    const auto result = std::move(deferred).result();
    return !result && result.error().is(Errc::cancelled);
}

}  // namespace

TEST_CASE("a Deferred and a Promise are one word each") {
    CHECK(sizeof(Deferred<std::string>) == sizeof(void*));
    CHECK(sizeof(Promise<std::string>) == sizeof(void*));
}

TEST_CASE("resolve runs the callbacks before it returns") {
    Promise<int> promise;
    int got = 0;
    auto end = promise.deferred().then([](int value) { return value + 1; }).then([&](int value) { got = value; });
    CHECK_FALSE(end.done());
    std::move(promise).resolve(41);
    CHECK(got == 42);
    CHECK(end.done());
    CHECK_FALSE(promise);
}

TEST_CASE("a callback on a result that is there runs at once") {
    int got = 0;
    auto end = ready(7).then([&](int value) { got = value; });
    CHECK(got == 7);
    CHECK(end.done());
}

TEST_CASE("a callback may take nothing, return nothing, or move what it gets") {
    auto text = ready()
                    .then([] { return std::make_unique<std::string>("moved"); })
                    .then([](std::unique_ptr<std::string> owned) { return *owned; })
                    .then([](std::string&& value) { return value.size(); });
    CHECK(std::move(text).result().value() == 5);
}

TEST_CASE("a callback that returns a Deferred is waited for") {
    Promise<int> inner;
    auto end = ready(1).then([&](int) { return inner.deferred(); }).then([](int value) { return value * 2; });
    CHECK_FALSE(end.done());
    std::move(inner).resolve(21);
    CHECK(std::move(end).result().value() == 42);
}

TEST_CASE("an error passes by then and is met by recover") {
    Promise<int> promise;
    bool ran = false;
    auto end = promise.deferred()
                   .then([&](int value) {
                       ran = true;
                       return value;
                   })
                   .recover([](const Error& error) { return error.is(Errc::closed) ? 9 : 0; });
    std::move(promise).fail(Errc::closed, "gone");
    CHECK_FALSE(ran);
    CHECK(std::move(end).result().value() == 9);
}

TEST_CASE("recover may answer with a Deferred, and lets a value pass") {
    Promise<int> second;
    Deferred<int> first = failed(Errc::closed, "gone");
    auto end = std::move(first).recover([&](const Error&) { return second.deferred(); });
    std::move(second).resolve(3);
    CHECK(std::move(end).result().value() == 3);

    bool ran = false;
    auto kept = ready(4).recover([&](const Error&) {
        ran = true;
        return 0;
    });
    CHECK(std::move(kept).result().value() == 4);
    CHECK_FALSE(ran);
}

TEST_CASE("what a callback throws is the error of its stage") {
    auto end = ready().then([] { throw std::runtime_error("boo"); });
    const auto result = std::move(end).result();
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().text() == "boo");
    CHECK_THROWS_AS(result.error().rethrow(), std::runtime_error);
}

TEST_CASE("a coroutine starts at once and goes on when what it awaits is there") {
    Promise<int> a, b;
    auto sum = add(a.deferred(), b.deferred());
    std::move(b).resolve(2);
    CHECK_FALSE(sum.done());
    std::move(a).resolve(40);
    CHECK(std::move(sum).result().value() == 42);
}

TEST_CASE("awaiting a Deferred throws its Error, or what caused it") {
    Promise<> promise;
    const auto body = [](Deferred<> deferred) -> Deferred<std::string> {
        try {
            co_await std::move(deferred);
        } catch (const Error& error) {
            co_return "Error " + error.text();
        } catch (const std::runtime_error& e) {
            co_return std::string("runtime ") + e.what();
        }
        co_return "nothing";
    };
    auto first = body(promise.deferred());
    std::move(promise).fail(Errc::closed, "gone");
    CHECK(std::move(first).result().value() == "Error gone");

    auto thrower = []() -> Deferred<> {
        throw std::runtime_error("boo");
        co_return;
    };
    auto second = body(forward(thrower()));
    CHECK(std::move(second).result().value() == "runtime boo");
    auto third = body(ready().then([] { throw std::runtime_error("far"); }));
    CHECK(std::move(third).result().value() == "runtime far");
}

TEST_CASE("a coroutine may return an error without throwing") {
    auto body = []() -> Deferred<int> { co_return fail(Errc::not_found, "nobody"); };
    CHECK(std::move(body()).result().error().is(Errc::not_found));
}

TEST_CASE("as_result gives errors and cancellations as values") {
    Promise<int> failing;
    auto first = failing.deferred().as_result();
    std::move(failing).fail(Errc::closed, "gone");
    CHECK(std::move(first).result().value().error().is(Errc::closed));

    auto second = [] {
        Promise<int> forgotten;
        return forgotten.deferred().as_result();
    }();
    CHECK(std::move(second).result().value().error().is(Errc::cancelled));
    CHECK(std::move(ready(5).as_result()).result().value().value() == 5);
}

TEST_CASE("or_end ends a coroutine with the error, without a throw and with its locals destroyed") {
    struct Note {
        std::string& log;
        ~Note() { log += "destroyed "; }
    };
    std::string log;
    const auto body = [](Deferred<int> deferred, std::string& into) -> Deferred<int> {
        const Note note{into};
        try {
            const int value = co_await std::move(deferred).or_end();
            into += "went on ";
            co_return value;
        } catch (...) {
            into += "caught ";
            throw;
        }
    };
    Promise<int> later;
    auto first = body(later.deferred(), log);
    std::move(later).fail(Errc::closed, "gone");
    CHECK(std::move(first).result().error().text() == "gone");
    CHECK(log == "destroyed ");

    log.clear();
    auto second = body(failed(Errc::closed, "at once"), log);
    CHECK(std::move(second).result().error().text() == "at once");
    CHECK(log == "destroyed ");

    log.clear();
    auto third = body(ready(3), log);
    CHECK(std::move(third).result().value() == 3);
    CHECK(log == "went on destroyed ");
}

TEST_CASE("using a Promise twice is a clear error") {
    Promise<int> promise;
    auto deferred = promise.deferred();
    std::move(promise).resolve(1);
    const auto is_clear = [](auto&& use) {
        try {
            use();
            return false;
        } catch (const Error& error) {
            return error.is(Errc::resolved_twice);
        }
    };
    CHECK(is_clear([&] { std::move(promise).resolve(2); }));
    CHECK(is_clear([&] { std::move(promise).fail(Errc::closed, "x"); }));
    CHECK(std::move(deferred).result().value() == 1);

    Promise<int> asked;
    auto once = asked.deferred();
    CHECK_THROWS_AS(auto twice = asked.deferred(), Error);
}

TEST_CASE("an error that nobody takes is logged once, with the place that made the Deferred") {
    LogCapture capture;
    const int line = __LINE__ + 1;
    Promise<int> promise;
    {
        auto dropped = promise.deferred().then([](int) {}).then([] {});
        std::move(promise).fail(Errc::closed, "lost");
        CHECK(capture.lines.empty());
    }
    REQUIRE(capture.lines.size() == 1);
    CHECK(capture.lines[0].find("async: ") == 0);
    CHECK(capture.lines[0].find("error=lost") != std::string::npos);
    CHECK(capture.lines[0].find("deferred_test.cpp:" + std::to_string(line + 2)) != std::string::npos);
}

TEST_CASE("an error of a Deferred whose Promise never gave it away is logged") {
    LogCapture capture;
    Promise<> promise;
    std::move(promise).fail(Errc::closed, "nobody asked");
    CHECK(capture.lines.size() == 1);
}

TEST_CASE("an error that was taken, and a cancellation, are not logged") {
    LogCapture capture;
    {
        Deferred<int> taken = failed(Errc::closed, "x");
        auto end = std::move(taken).recover([](const Error&) { return 1; });
        Promise<> dropped;
        auto cancelled = forward(dropped.deferred());
    }
    CHECK(capture.lines.empty());
}

TEST_CASE("a detached Deferred runs to its end, and its error is logged or handed over") {
    LogCapture capture;
    Promise<> promise;
    bool ran = false;
    forward(promise.deferred()).then([&] { ran = true; }).detach();
    std::move(promise).resolve();
    CHECK(ran);

    Promise<> logged;
    forward(logged.deferred()).detach();
    std::move(logged).fail(Errc::closed, "to the log");
    CHECK(capture.lines.size() == 1);

    std::string told;
    Promise<> handled;
    forward(handled.deferred()).detach([&](const Error& error) { told = error.text(); });
    std::move(handled).fail(Errc::closed, "to the handler");
    CHECK(told == "to the handler");
    CHECK(capture.lines.size() == 1);

    bool told_of_cancel = false;
    {
        Promise<> gone;
        gone.deferred().detach([&](const Error&) { told_of_cancel = true; });
    }
    CHECK_FALSE(told_of_cancel);
}

TEST_CASE("an error handler of detach that throws is logged") {
    LogCapture capture;
    Deferred<> broken = failed(Errc::closed, "x");
    std::move(broken).detach([](const Error&) { throw std::runtime_error("worse"); });
    REQUIRE(capture.lines.size() == 1);
    CHECK(capture.lines[0].find("worse") != std::string::npos);
}

TEST_CASE("finally runs exactly once for a value, an error, a cancellation and a drop") {
    int ran = 0;
    const auto count = [&] { ++ran; };
    auto value = ready(1).finally(count);
    CHECK(ran == 1);
    CHECK(std::move(value).result().value() == 1);

    Deferred<int> broken = failed(Errc::closed, "x");
    auto error = std::move(broken).finally(count);
    CHECK(ran == 2);
    CHECK(std::move(error).result().error().is(Errc::closed));

    Promise<int> first;
    auto cancelled = first.deferred().finally(count);
    cancelled.cancel();
    CHECK(ran == 3);
    CHECK(was_cancelled(cancelled));

    Promise<int> second;
    {
        auto dropped = second.deferred().finally(count);
    }
    CHECK(ran == 4);
    {
        Promise<int> third;
        third.deferred().finally(count).detach();
    }
    CHECK(ran == 5);
}

TEST_CASE("describe draws what waits for what, with the places") {
    Promise<> promise;
    auto outer = forward(forward(promise.deferred()).then([] {}));
    const std::string text = outer.describe();
    CAPTURE(text);
    std::vector<std::size_t> indents;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        indents.push_back(text.find_first_not_of(' ', at) - at);
    }
    CHECK(indents == std::vector<std::size_t>{0, 2, 4, 6});
    CHECK(text.find("forward") != std::string::npos);
    CHECK(text.find("waits at bine/async/deferred_test.cpp:") != std::string::npos);
}

TEST_CASE("values may be move-only, and are destroyed once") {
    auto counted = std::make_shared<int>(0);
    {
        Promise<std::shared_ptr<int>> promise;
        auto deferred = promise.deferred();
        std::move(promise).resolve(counted);
        CHECK(counted.use_count() == 2);
    }
    CHECK(counted.use_count() == 1);
    auto through = ready(counted).then([](std::shared_ptr<int> value) { return value; }).as_result();
    CHECK(counted.use_count() == 2);
    CHECK(std::move(through).result().value().value() == counted);
    std::move(through) = {};
    CHECK(counted.use_count() == 1);
}
