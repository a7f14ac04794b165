#include "bine/python/await.h"

#include <new>

#include "bine/async/context.h"
#include "bine/python/python_exception.h"

namespace bine::python {

namespace {

// A counted thing of C++ in the hands of a Python function.
template <class T>
PyObject* function_for(PyMethodDef& method, const Ref<T>& target) {
    auto* share = new Ref<T>(target);
    const Object capsule = Object::owned(PyCapsule_New(
        share, nullptr, [](PyObject* self) { delete static_cast<Ref<T>*>(PyCapsule_GetPointer(self, nullptr)); }));
    if (!capsule) {
        delete share;
        return nullptr;
    }
    return PyCFunction_New(&method, capsule.get());
}

template <class T>
T& target_of(PyObject* capsule) noexcept {
    return **static_cast<Ref<T>*>(PyCapsule_GetPointer(capsule, nullptr));
}

PyObject* drop_waiting(PyObject* self, PyObject*) {
    target_of<Waiting>(self).drop();
    Py_RETURN_NONE;
}
PyMethodDef drop_method = {"drop", drop_waiting, METH_NOARGS, nullptr};

// Settles a future that is perhaps done: somebody cancelled it, or set what was not theirs to set.
void settle_with(const State& state, PyObject* future, PyObject* method, PyObject* argument) noexcept {
    const Object done = Object::owned(argument ? PyObject_CallMethodOneArg(future, method, argument)
                                               : PyObject_CallMethodNoArgs(future, method));
    if (done) return;
    const Object exception = take_exception();
    const Object replaced = Object::owned(PyObject_CallMethodOneArg(future, state.set_exception, exception.get()));
    if (!replaced) PyErr_Clear();
}

class PythonContext final : public Context {
public:
    explicit PythonContext(Object context) noexcept : context_(std::move(context)) {}
    // A copy, for a task of its own.
    Object copy() const noexcept { return Object::owned(PyContext_Copy(context_.get())); }

private:
    Kept context_;
};

ContextPtr context_of_caller() noexcept {
    Object context = Object::owned(PyContext_CopyCurrent());
    if (!context) PyErr_Clear();
    return ContextPtr(context ? new (std::nothrow) PythonContext(std::move(context)) : nullptr);
}

}  // namespace

Object Waiting::make_future() {
    const Object drop = Object::owned(function_for(drop_method, Ref<Waiting>(this)));
    if (!drop) return Object();
    Object future = Object::owned(PyObject_CallMethodOneArg(loop_.object(), loop_.state().make_awaited, drop.get()));
    if (!future) return Object();
    future_ = Kept(future);
    self_ = Ref<Waiting>(this);
    loop_.add(*this);
    return future;
}

Ref<Waiting> Waiting::let_go() noexcept {
    unlink();
    future_ = Kept();
    drop_deferred();
    return std::exchange(self_, Ref<Waiting>());
}

void Waiting::forget() noexcept { let_go(); }

void Waiting::drop() noexcept {
    if (!future_) return;
    const Reactor::Current current(loop_.reactor());
    let_go();
    loop_.touched();
}

void Waiting::ended() {
    loop_.in_lane([self = Ref<Waiting>(this)] { self->settle(); });
}

void Waiting::settle() noexcept {
    if (!future_) return;
    const Object future = future_.share();
    Object value;
    try {
        value = take_result();
    } catch (...) {
        (void)raise_current();
    }
    const Ref<Waiting> last = let_go();
    const State& state = loop_.state();
    if (value) return settle_with(state, future.get(), state.set_result, value.get());
    if (!PyErr_Occurred()) return settle_with(state, future.get(), state.cancel, nullptr);
    const Object exception = take_exception();
    settle_with(state, future.get(), state.set_exception, exception.get());
}

void Waiting::loop_closes() noexcept {
    const Object future = future_.share();
    const Ref<Waiting> last = let_go();
    settle_with(loop_.state(), future.get(), loop_.state().cancel, nullptr);
}

int Waiting::traverse(visitproc visit, void* arg) noexcept {
    Py_VISIT(future_.get());
    return 0;
}

PythonScope::PythonScope(Loop& loop) noexcept : reactor_(loop.reactor()), context_(context_of_caller()) {}

namespace {

// A task of Python's, on whose end a Promise waits.
class Running final : public Counted, public Pending {
public:
    Running(Loop& loop, Function<Object()> make) : loop_(loop), make_(std::move(make)), context_(current_context()) {}

    Deferred<Kept> begin();
    // The task has ended.
    void ended(PyObject* task) noexcept;

    void loop_closes() noexcept override;
    int traverse(visitproc visit, void* arg) noexcept override;

private:
    void start() noexcept;
    bool start_task(const Object& awaitable) noexcept;
    void cancelled() noexcept;
    void fail_with_current() noexcept;
    Promise<Kept> let_go() noexcept;

    Loop& loop_;
    Function<Object()> make_;
    ContextPtr context_;
    Promise<Kept> promise_;
    Kept task_;
    Ref<Running> self_;  // while somebody waits
};

PyObject* task_ended(PyObject* self, PyObject* task) {
    target_of<Running>(self).ended(task);
    Py_RETURN_NONE;
}
PyMethodDef ended_method = {"ended", task_ended, METH_O, nullptr};

bool is_awaitable(PyObject* object) noexcept {
    const PyAsyncMethods* methods = Py_TYPE(object)->tp_as_async;
    return PyCoro_CheckExact(object) || (methods && methods->am_await);
}

void cancel_task(const State& state, PyObject* task) noexcept {
    const Object done = Object::owned(PyObject_CallMethodNoArgs(task, state.cancel));
    if (!done) Loop::report_unraisable(task);
}

Deferred<Kept> Running::begin() {
    Deferred<Kept> deferred = promise_.deferred();
    promise_.on_cancel([this]() noexcept { cancelled(); });
    self_ = Ref<Running>(this);
    loop_.add(*this);
    if (loop_.has_gil()) {
        start();
    } else {
        loop_.in_lane([self = self_] { self->start(); });
    }
    return deferred;
}

// Takes what makes it pending away, so that nothing that follows finds it so.
Promise<Kept> Running::let_go() noexcept {
    unlink();
    task_ = Kept();
    make_ = nullptr;
    return std::move(promise_);
}

void Running::start() noexcept {
    if (!self_) return;
    const Ref<Running> last = self_;
    Function<Object()> make = std::move(make_);
    Object awaitable;
    try {
        awaitable = make();
    } catch (...) {
        (void)raise_current();
    }
    if (!self_) return;  // what was called has ended who waits
    if (!awaitable) return fail_with_current();
    if (is_awaitable(awaitable.get())) {
        if (!start_task(awaitable)) fail_with_current();
        return;
    }
    self_ = Ref<Running>();
    let_go().resolve(Kept(std::move(awaitable)));
}

bool Running::start_task(const Object& awaitable) noexcept {
    auto* context = dynamic_cast<PythonContext*>(context_.get());
    const Object copy = context ? context->copy() : Object::borrowed(Py_None);
    if (!copy) return false;
    const State& state = loop_.state();
    Object task = Object::owned(
        PyObject_CallMethodObjArgs(loop_.object(), state.start_task, awaitable.get(), copy.get(), nullptr));
    const Object callback = task ? Object::owned(function_for(ended_method, self_)) : Object();
    if (!callback) return false;
    task_ = Kept(task);
    const Object done = Object::owned(PyObject_CallMethodOneArg(task.get(), state.add_done_callback, callback.get()));
    return static_cast<bool>(done);
}

void Running::fail_with_current() noexcept {
    const Ref<Running> last = std::exchange(self_, Ref<Running>());
    Object exception = take_exception();
    Promise<Kept> promise = let_go();
    // Without one it was cancelled: so ends the Promise.
    const int is_cancelled =
        exception ? PyErr_GivenExceptionMatches(exception.get(), loop_.state().cancelled_error) : 1;
    if (is_cancelled) return;
    try {
        std::move(promise).fail(error_of(std::move(exception)));
    } catch (const std::bad_alloc&) {
    }
}

void Running::ended(PyObject* task) noexcept {
    if (!self_) return;
    // In a guest the task has ended outside of the reactor's turn, which has to see to what follows from it.
    const Reactor::Current current(loop_.reactor());
    loop_.touched();
    const Object result = Object::owned(PyObject_CallMethodNoArgs(task, loop_.state().result));
    if (!result) return fail_with_current();
    const Ref<Running> last = std::exchange(self_, Ref<Running>());
    let_go().resolve(Kept(result));
}

void Running::cancelled() noexcept {
    const Ref<Running> last = std::exchange(self_, Ref<Running>());
    Kept task = std::move(task_);
    const Promise<Kept> promise = let_go();
    if (!task) return;
    if (loop_.has_gil()) return cancel_task(loop_.state(), task.get());
    loop_.in_lane([&loop = loop_, task = std::move(task)] { cancel_task(loop.state(), task.get()); });
}

void Running::loop_closes() noexcept {
    const Ref<Running> last = std::exchange(self_, Ref<Running>());
    const Object task = task_.share();
    {
        const Promise<Kept> promise = let_go();  // which ends cancelled
    }
    if (task) cancel_task(loop_.state(), task.get());
}

int Running::traverse(visitproc visit, void* arg) noexcept {
    Py_VISIT(task_.get());
    return 0;
}

}  // namespace

Deferred<Kept> as_deferred(Loop& loop, Function<Object()> make) {
    const Ref<Running> running(new Running(loop, std::move(make)));
    return running->begin();
}

}  // namespace bine::python
