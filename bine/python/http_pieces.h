// Bodies that go between C++ and Python bit by bit. Everything begins with the GIL.
#pragma once

#include "bine/base/output.h"
#include "bine/python/await.h"

namespace bine::python {

// Writes what `next`, an async function, answers: bytes, one piece after the other, and None at the end. What it raises is
// the error of the Deferred, as an Error that carries it. `next` is kept by who calls.
template <class Writer>
Deferred<> send_pieces(Loop& loop, PyObject* next, Writer& out) {
    for (;;) {
        Function<Object()> call = [next] { return Object::owned(PyObject_CallNoArgs(next)); };
        Deferred<Kept> called = as_deferred(loop, std::move(call));
        const Kept piece = co_await std::move(called);
        if (piece.get() == Py_None) co_return;
        Output output;
        const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(piece.get()));
        output.append(std::string_view(PyBytes_AS_STRING(piece.get()), size));
        co_await out.write(std::move(output));
    }
}

}  // namespace bine::python
