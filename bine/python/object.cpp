#include "bine/python/object.h"

#include <unistd.h>

#include <new>
#include <string>

#include "bine/python/python_exception.h"

namespace bine::python {

Object take_exception() noexcept {
#if PY_VERSION_HEX >= 0x030c0000
    return Object::owned(PyErr_GetRaisedException());
#else
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    if (!type) return Object();
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return Object::owned(value);
#endif
}

void raise(Object exception) noexcept {
#if PY_VERSION_HEX >= 0x030c0000
    PyErr_SetRaisedException(exception.release());
#else
    PyObject* type = Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())));
    PyObject* traceback = PyException_GetTraceback(exception.get());
    PyErr_Restore(type, exception.release(), traceback);
#endif
}

namespace {

// Null where Python's own words do.
PyObject* type_of(const Error& error) noexcept {
    if (error.is(Errc::timed_out)) return PyExc_TimeoutError;
    if (error.is(Errc::invalid_argument)) return PyExc_ValueError;
    if (error.is(Errc::unsupported)) return PyExc_NotImplementedError;
    if (error.is(Errc::remote_protocol) || error.is(Errc::end_of_stream) || error.is(Errc::closed))
        return PyExc_ConnectionError;
    if (error.is(Errc::not_found)) return PyExc_OSError;
    return PyExc_RuntimeError;
}

// A certificate that is not believed, as the module ssl has it: who handles that one's, handles ours.
Object not_trusted(const std::string& text) noexcept {
    const Object ssl = Object::owned(PyImport_ImportModule("ssl"));
    return Object::owned(ssl ? PyObject_CallMethod(ssl.get(), "SSLCertVerificationError", "is#", 1, text.data(),
                                                   static_cast<Py_ssize_t>(text.size()))
                             : nullptr);
}

}  // namespace

Object exception_of(const Error& error) noexcept {
    if (Object carried = carried_exception(error)) return carried;
    const std::string& text = error.text();
    if (error.code().category() == std::system_category()) {
        if (error.code().value() == ENOMEM) return Object::owned(PyObject_CallNoArgs(PyExc_MemoryError));
        return Object::owned(PyObject_CallFunction(PyExc_OSError, "is#", error.code().value(), text.data(),
                                                   static_cast<Py_ssize_t>(text.size())));
    }
    if (error.is(Errc::not_trusted)) return not_trusted(text);
    return Object::owned(
        PyObject_CallFunction(type_of(error), "s#", text.data(), static_cast<Py_ssize_t>(text.size())));
}

PyObject* raise(const Error& error) noexcept {
    if (Object exception = exception_of(error)) raise(std::move(exception));
    return nullptr;
}

PyObject* raise_current() noexcept {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    } catch (const Error& error) {
        return raise(error);
    } catch (const PythonException& carried) {
        raise(carried.object());
        return nullptr;
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
        return nullptr;
    }
}

void rest() noexcept {
    for (;;) ::pause();
}

}  // namespace bine::python
