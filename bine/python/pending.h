// What has to end before its loop does: a future or a task that waits across the border, a port, a server.
//
// Confined to the loop's thread; everything here has the GIL.
#pragma once

#include "bine/base/intrusive_list.h"
#include "bine/python/object.h"

namespace bine::python {

class Loop;

class Pending : public ListHook<Pending> {
public:
    // Called once, unlinked already. May destroy this. What goes on to live must not use the loop any more, which may be gone.
    virtual void loop_closes() noexcept = 0;
    // The references to Python objects that it holds.
    virtual int traverse(visitproc visit, void* arg) noexcept = 0;

protected:
    ~Pending() = default;
};

// The loop, unless it has been closed and is null: then an error is set.
inline Loop* still_open(Loop* loop) noexcept {
    if (!loop) PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
    return loop;
}

}  // namespace bine::python
