// What call_soon and call_later answer: a callback, its arguments and its context, that can be cancelled.
//
// The layout is known to the loop, which runs them. Everything needs the GIL.
//
// The collector does not know handles, which would cost as much as the rest of a call_soon: a handle refers to something
// only while the loop has it, and the loop shows the collector what its handles refer to. One that has run, or was cancelled,
// refers to nothing but the loop.
#pragma once

#include <new>

#include "bine/async/timer.h"
#include "bine/base/intrusive_list.h"
#include "bine/python/state.h"

namespace bine::python {

class Loop;

struct Handle {
    PyObject_HEAD PyObject* loop;  // the loop's object
    PyObject* callback;            // null when cancelled or done
    PyObject* context;
    PyObject* weak_references;
    PyObject* source_traceback;  // of a handle made in debug mode
    // Up to three arguments stand here, behind a place that a call may use; more are in `many`, a tuple.
    static constexpr Py_ssize_t kInPlace = 3;
    PyObject* slots[1 + kInPlace];
    PyObject* many;
    uint8_t count;
    bool is_cancelled;
    bool is_timer;
    bool is_kept;  // runs again and again: of a descriptor that is watched
    bool is_running;

    PyObject* object() noexcept { return reinterpret_cast<PyObject*>(this); }
};

struct AllTimersTag;

struct TimerHandle {
    Handle base;
    double when;

    // Armed while the handle waits, and owns a reference then.
    class Alarm final : public Timer, public ListHook<AllTimersTag> {
    public:
        explicit Alarm(TimerHandle& owner) : owner_(owner) {}
        void expired() override;
        TimerHandle& owner() noexcept { return owner_; }

    private:
        TimerHandle& owner_;
    };
    Loop* queue;  // where it is armed; null otherwise
    union {
        Alarm alarm;
    };
};

// A handle for `callback(*arguments)` in `context`, or in a copy of the current one when that is null. Null with an error.
Handle* make_handle(State& state, PyObject* loop, PyObject* callback, PyObject* const* arguments, Py_ssize_t count,
                    PyObject* context);
TimerHandle* make_timer_handle(State& state, PyObject* loop, double when, PyObject* callback,
                               PyObject* const* arguments, Py_ssize_t count, PyObject* context);
// Calls it. The callback's result; null with the error of the callback, or of entering the context.
PyObject* run_handle(Handle& handle);
void cancel_handle(Handle& handle) noexcept;
// What is done with one that has run or will not run: forgets callback, arguments and context.
void forget_call(Handle& handle) noexcept;
// For the collector, by whoever queues or arms `handle` and has the only reference to it.
int visit_handle(Handle& handle, visitproc visit, void* arg);

}  // namespace bine::python
