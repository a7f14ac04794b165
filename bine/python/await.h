// Python awaits C++, and C++ awaits Python.
//
//     return as_future(loop, [&] { return connect(reactor, endpoint, factory); }, [] { return Object::borrowed(Py_None); });
//
//     const Kept answer = co_await as_deferred(loop, [&] { return Object::owned(PyObject_CallOneArg(handler, request)); });
//
// Theory. A Deferred that Python waits for is held by a Waiting, and that by its future and, while it is pending, by itself.
// The Deferred ends wherever it does; its result is kept, turned into Python in the lane, and given to the future. Cancelling
// the future drops the Deferred before cancel() returns. A coroutine that C++ waits for is an asyncio task, held by a Running,
// and that by the task's callback; its result resolves a Promise in the lane. Cancelling or dropping the Deferred cancels the task.
//
// What is an exception on one side is an error on the other: a Python exception that passes through C++ is the same object
// behind it; an Error becomes the exception that exception_of() says. Cancelled is cancelled on both sides. Python's
// contextvars travel along: what C++ does for a Python caller, and the coroutines that it awaits in turn, have that one's.
// When the loop closes, what waits in either direction ends cancelled.
#pragma once

#include <optional>
#include <type_traits>

#include "bine/async/deferred.h"
#include "bine/base/function.h"
#include "bine/base/ref.h"
#include "bine/python/kept.h"
#include "bine/python/loop.h"
#include "bine/python/pending.h"

namespace bine::python {

// The part that knows no type.
class Waiting : public Counted, public Pending {
public:
    explicit Waiting(Loop& loop) : loop_(loop) {}
    virtual ~Waiting() = default;

    // The future that is settled when this has ended. Null with an error set.
    Object make_future();
    // What was to be begun has failed with the error that is set: there is no future.
    void forget() noexcept;
    // By who cancels the future: the Deferred is dropped.
    void drop() noexcept;

    void loop_closes() noexcept override;
    int traverse(visitproc visit, void* arg) noexcept override;

protected:
    // The result is there.
    void ended();

private:
    // The value; null with an error set, or without one when it was cancelled.
    virtual Object take_result() = 0;
    virtual void drop_deferred() noexcept = 0;

    void settle() noexcept;
    Ref<Waiting> let_go() noexcept;

    Loop& loop_;
    Kept future_;
    Ref<Waiting> self_;  // while it is pending
};

template <class T, class Convert>
class WaitingFor final : public Waiting {
public:
    WaitingFor(Loop& loop, Convert convert) : Waiting(loop), convert_(std::move(convert)) {}

    void watch(Deferred<T> deferred) {
        deferred_ = std::move(deferred).as_result().then([this](Result<T> result) {
            result_.emplace(std::move(result));
            ended();
        });
    }

private:
    Object take_result() override {
        if (!*result_) {
            const Error& error = result_->error();
            if (!error.is(Errc::cancelled)) raise(error);
            return Object();
        }
        if constexpr (std::is_void_v<T>) {
            return convert_();
        } else {
            return convert_(std::move(**result_));
        }
    }
    void drop_deferred() noexcept override {
        deferred_ = Deferred<>();
        result_.reset();
    }

    Deferred<> deferred_;
    std::optional<Result<T>> result_;
    Convert convert_;
};

// The contextvars of who calls, current in C++ as long as this lives. With the GIL.
class PythonScope {
public:
    explicit PythonScope(Loop& loop) noexcept;

private:
    Reactor::Current reactor_;
    ContextScope context_;
};

// An asyncio future for the Deferred that `start()` gives. `convert(value)`, or `convert()`, gives the Object that it will
// have, or null with an error set; it is called in the lane. Null with an error set, when there is no future. With the GIL.
template <class Start, class Convert>
PyObject* as_future(Loop& loop, Start start, Convert convert) {
    using T = typename std::invoke_result_t<Start&>::value_type;
    return translated([&]() -> PyObject* {
        if (loop.is_closed()) return PyErr_SetString(PyExc_RuntimeError, "Event loop is closed"), nullptr;
        const Ref<WaitingFor<T, Convert>> waiting(new WaitingFor<T, Convert>(loop, std::move(convert)));
        Object future = waiting->make_future();
        if (!future) return nullptr;
        try {
            const PythonScope scope(loop);
            waiting->watch(start());
        } catch (...) {
            waiting->forget();
            throw;
        }
        loop.touched();
        return future.release();
    });
}

// What the awaitable comes to that `make` answers; a thing that cannot be awaited is its own result. `make` is called in the
// lane: at once, when this is; it answers null with an error set when there is nothing. From the loop's thread.
Deferred<Kept> as_deferred(Loop& loop, Function<Object()> make);

}  // namespace bine::python
