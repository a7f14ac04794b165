// What HTTP is made of, as Python has it. Everything needs the GIL.
#pragma once

#include <string>
#include <string_view>

#include "bine/python/object.h"

namespace bine::python {

// Bytes of a head as str: each byte a character, as RFC 9110 and asyncio's servers have it.
inline Object latin1(std::string_view text) noexcept {
    return Object::owned(PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
}
inline Object utf8(std::string_view text) noexcept {
    return Object::owned(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}
inline Object bytes_of(std::string_view text) noexcept {
    return Object::owned(PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
}

// [("Content-Type", "text/html"), ...]. Null with an error set.
template <class List>
Object header_list(const List& fields) noexcept {
    Object list = Object::owned(PyList_New(0));
    for (const auto& field : fields) {
        const Object name = latin1(field.name);
        const Object value = latin1(field.value);
        const Object pair = name && value ? Object::owned(PyTuple_Pack(2, name.get(), value.get())) : Object();
        if (!list || !pair || PyList_Append(list.get(), pair.get()) < 0) return Object();
    }
    return list;
}

// Calls take(name, value) for each pair of str of a list. False with an error set.
template <class F>
bool for_each_header(PyObject* pairs, F&& take) {
    const Object list = Object::owned(PySequence_Fast(pairs, "headers are a list of pairs"));
    if (!list) return false;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
        const char *name = nullptr, *value = nullptr;
        if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(list.get(), i), "ss", &name, &value)) return false;
        take(std::string_view(name), std::string_view(value));
    }
    return true;
}

}  // namespace bine::python
