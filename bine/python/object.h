// Owned references to Python objects, and how errors cross between C++ and Python.
//
// Everything here needs the GIL. A function that answers a null Object, null or -1 has set Python's error.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <exception>
#include <utility>

#include "bine/base/error.h"

namespace bine::python {

// One reference.
class Object {
public:
    Object() = default;
    // Takes over a new reference; null is passed through.
    static Object owned(PyObject* object) noexcept { return Object(object); }
    // Adds a reference.
    static Object borrowed(PyObject* object) noexcept { return Object(Py_XNewRef(object)); }
    Object(const Object& other) noexcept : object_(Py_XNewRef(other.object_)) {}
    Object(Object&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Object& operator=(Object other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Object() { Py_XDECREF(object_); }

    PyObject* get() const noexcept { return object_; }
    // Gives the reference away.
    PyObject* release() noexcept { return std::exchange(object_, nullptr); }
    explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    explicit Object(PyObject* object) noexcept : object_(object) {}
    PyObject* object_ = nullptr;
};

// The error that is set, taken as an exception object with its traceback; null when none is.
Object take_exception() noexcept;
// Whether the error that is set is one that ends programs.
inline bool is_exit() noexcept {
    return PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) || PyErr_ExceptionMatches(PyExc_SystemExit);
}
// Sets `exception`, an exception object, as the error.
void raise(Object exception) noexcept;
// The exception that says what `error` does: OSError (or its subclass for the errno) where the system refused something.
Object exception_of(const Error& error) noexcept;
// Sets it. Answers null, to be returned.
PyObject* raise(const Error& error) noexcept;
// The error of the C++ exception that is being handled. Answers null, to be returned.
PyObject* raise_current() noexcept;

// At its end an interpreter ends other threads by unwinding them where they wait for the GIL. What is unwound would touch
// Python without it; so such a thread rests instead, until the process is gone.
[[noreturn]] void rest() noexcept;

// A call into Python that may take long enough for that.
template <class F>
auto in_python(F&& function) {
    try {
        return function();
    } catch (...) {
        // What unwinds a thread is no exception. Caught by its type it would be a reference to null, which sanitizers refuse.
        if (!std::current_exception()) rest();
        throw;
    }
}

// Runs C++ that may throw: an exception becomes Python's error and the answer null.
template <class F>
PyObject* translated(F&& function) noexcept {
    try {
        return function();
    } catch (...) {
        return raise_current();
    }
}

}  // namespace bine::python
