// A context of Python's (contextvars) for the length of a block: what a protocol's callbacks run in. Needs the GIL.
#pragma once

#include "bine/python/object.h"

namespace bine::python {

class InContext {
public:
    // Owns it: a transport that ends meanwhile gives up its own, and what is left would not outlive being left.
    explicit InContext(PyObject* context) noexcept
        : context_(Object::borrowed(context)), entered_(PyContext_Enter(context) == 0) {
        if (!entered_) PyErr_Clear();  // whoever calls is in it already
    }
    ~InContext() {
        if (!entered_) return;
        // An error that is set is kept: leaving a context that was entered does not fail.
        PyContext_Exit(context_.get());
    }
    InContext(const InContext&) = delete;
    InContext& operator=(const InContext&) = delete;

private:
    const Object context_;
    const bool entered_;
};

}  // namespace bine::python
