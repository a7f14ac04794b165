#include "bine/python/log.h"

#include <string>

#include "bine/base/log.h"

namespace bine::python {

namespace {

int level_of(log::Level level) noexcept { return 10 * (static_cast<int>(level) + 1); }

// Any thread may have something to say, with the GIL or without it, and with an error set.
void say(PyObject* function, const log::Record& record) {
    const PyGILState_STATE state = PyGILState_Ensure();
    Object before = take_exception();
    const std::string line = log::to_line(record);
    const Object done = Object::owned(PyObject_CallFunction(
        function, "is#s#", level_of(record.level), record.area.data(), static_cast<Py_ssize_t>(record.area.size()),
        line.data(), static_cast<Py_ssize_t>(line.size())));
    if (!done) PyErr_WriteUnraisable(function);
    if (before) raise(std::move(before));
    PyGILState_Release(state);
}

}  // namespace

PyObject* set_log(PyObject*, PyObject* function) {
    static log::Sink first;  // the one that writes to standard error, while Python has another
    return translated([&]() -> PyObject* {
        log::Sink next;
        if (function == Py_None) {
            if (!first) Py_RETURN_NONE;
            next = std::exchange(first, nullptr);
        } else {
            next = [function = Py_NewRef(function)](const log::Record& record) { say(function, record); };
        }
        log::Sink before = log::set_sink(std::move(next));
        if (function != Py_None && !first) first = std::move(before);
        Py_RETURN_NONE;
    });
}

}  // namespace bine::python
