#include "bine/python/python_exception.h"

namespace bine::python {

namespace {

std::string described(PyObject* exception) {
    std::string text = Py_TYPE(exception)->tp_name;
    const Object words = Object::owned(PyObject_Str(exception));
    Py_ssize_t size = 0;
    const char* bytes = words ? PyUnicode_AsUTF8AndSize(words.get(), &size) : nullptr;
    if (!bytes) {
        PyErr_Clear();
    } else if (size > 0) {
        text.append(": ").append(bytes, static_cast<std::size_t>(size));
    }
    return text;
}

}  // namespace

PythonException::PythonException(Object thrown) : shared_(new Shared) {
    shared_->text = described(thrown.get());
    shared_->exception = Kept(std::move(thrown));
}

Error error_of(Object exception) {
    return Error::from_exception(std::make_exception_ptr(PythonException(std::move(exception))));
}

Object carried_exception(const Error& error) noexcept {
    const std::exception_ptr cause = error.cause();
    if (!cause) return Object();
    try {
        std::rethrow_exception(cause);
    } catch (const PythonException& carried) {
        return carried.object();
    } catch (...) {
        return Object();
    }
}

}  // namespace bine::python
