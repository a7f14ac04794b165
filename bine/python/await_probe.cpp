// C++ for Python's tests of awaiting to await, in builds with assertions only: _bine._test_sleep and others.
#ifdef BINE_DEBUG
#include "bine/async/sleep.h"
#include "bine/async/within.h"
#include "bine/base/pool.h"
#include "bine/python/await.h"

namespace bine::python {

namespace {

Object give(Kept value) { return value.take(); }
Object give_none() { return Object::borrowed(Py_None); }

Duration duration_of(double seconds) { return Duration(static_cast<int64_t>(seconds * 1e9)); }

// sleep(loop, seconds)
PyObject* sleep_in_cpp(PyObject*, PyObject* args) {
    PyObject* loop_object = nullptr;
    double seconds = 0;
    if (!PyArg_ParseTuple(args, "Od", &loop_object, &seconds)) return nullptr;
    Loop& loop = loop_of(loop_object);
    return as_future(loop, [&] { return sleep(loop.reactor(), duration_of(seconds)); }, give_none);
}

Deferred<> fail_later(Loop& loop, std::string text) {
    co_await next_turn(loop.reactor());
    throw Error(Errc::invalid_argument, text);
}

// fail(loop, text)
PyObject* fail_in_cpp(PyObject*, PyObject* args) {
    PyObject* loop_object = nullptr;
    const char* text = nullptr;
    if (!PyArg_ParseTuple(args, "Os", &loop_object, &text)) return nullptr;
    Loop& loop = loop_of(loop_object);
    return as_future(loop, [&] { return fail_later(loop, text); }, give_none);
}

Deferred<Kept> call_later(Loop& loop, Kept callable, int hops) {
    for (int hop = 0; hop < hops; ++hop) co_await next_turn(loop.reactor());
    Function<Object()> make = [&] { return Object::owned(PyObject_CallNoArgs(callable.get())); };
    co_return co_await as_deferred(loop, std::move(make));
}

// call(loop, callable, hops): what callable() comes to, awaited by a coroutine that has waited for so many turns before.
PyObject* call_from_cpp(PyObject*, PyObject* args) {
    PyObject *loop_object = nullptr, *callable = nullptr;
    int hops = 0;
    if (!PyArg_ParseTuple(args, "OOi", &loop_object, &callable, &hops)) return nullptr;
    Loop& loop = loop_of(loop_object);
    return as_future(loop, [&] { return call_later(loop, Kept(Object::borrowed(callable)), hops); }, give);
}

Deferred<Kept> call_within(Loop& loop, Kept callable, double seconds) {
    Deferred<Kept> called = call_later(loop, std::move(callable), 1);
    co_return co_await within(loop.reactor(), duration_of(seconds), std::move(called));
}

// call_within(loop, callable, seconds): the same, which C++ gives up after a time.
PyObject* call_from_cpp_within(PyObject*, PyObject* args) {
    PyObject *loop_object = nullptr, *callable = nullptr;
    double seconds = 0;
    if (!PyArg_ParseTuple(args, "OOd", &loop_object, &callable, &seconds)) return nullptr;
    Loop& loop = loop_of(loop_object);
    return as_future(loop, [&] { return call_within(loop, Kept(Object::borrowed(callable)), seconds); }, give);
}

// blocks(): how many pooled blocks of C++ are in use.
PyObject* blocks(PyObject*, PyObject*) { return PyLong_FromSize_t(pool_blocks_in_use()); }

PyMethodDef methods[] = {
    {"_test_sleep", sleep_in_cpp, METH_VARARGS, nullptr},
    {"_test_fail", fail_in_cpp, METH_VARARGS, nullptr},
    {"_test_call", call_from_cpp, METH_VARARGS, nullptr},
    {"_test_call_within", call_from_cpp_within, METH_VARARGS, nullptr},
    {"_test_blocks", blocks, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

int add_await_probe(PyObject* module) { return PyModule_AddFunctions(module, methods); }

}  // namespace bine::python
#endif
