// A listening socket whose connections get Python protocols.
#pragma once

#include "bine/base/ref.h"
#include "bine/net/listener.h"
#include "bine/python/state.h"

namespace bine::python {

class Loop;

// What is done with a connection that came in. Counted, as one may be on its way when the listening ends.
struct Acceptance final : Counted {
    ~Acceptance();

    // Unset while the interpreter is not held: see ~Acceptance.
    Loop* loop = nullptr;
    PyObject* make_protocol = nullptr;
    PyObject* server = nullptr;
    PyObject* context = nullptr;
};

class Incoming final {
public:
    Incoming(Loop& loop, PyObject* make_protocol, PyObject* server, PyObject* context);

    // Listens on a copy of the descriptor.
    Result<> open(int fd);
    // Of a loop in a world: there.
    Result<> open(const Address& address, int backlog);
    int traverse(visitproc visit, void* arg) noexcept;

private:
    Loop& loop_;
    Ref<Acceptance> acceptance_;
    Listener listener_;
};

}  // namespace bine::python
