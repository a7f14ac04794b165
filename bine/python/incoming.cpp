#include "bine/python/incoming.h"

#include <fcntl.h>

#include "bine/python/loop.h"
#include "bine/python/stream_transport.h"

namespace bine::python {

namespace {

ListenerOptions for_python() {
    ListenerOptions options;
    options.connection.lane = Lane::second;
    options.connection.ends_plainly = true;
    return options;
}

}  // namespace

Acceptance::~Acceptance() {
    Py_XDECREF(make_protocol);
    Py_XDECREF(server);
    Py_XDECREF(context);
}

Incoming::Incoming(Loop& loop, PyObject* make_protocol, PyObject* server, PyObject* context)
    : loop_(loop),
      acceptance_(new Acceptance),
      listener_(
          loop.reactor(), [this] { return std::make_unique<Wire>(loop_, acceptance_); }, for_python()) {
    acceptance_->loop = &loop;
    acceptance_->make_protocol = Py_NewRef(make_protocol);
    acceptance_->server = Py_XNewRef(server);
    acceptance_->context = Py_NewRef(context);
}

Result<> Incoming::open(int fd) {
    Descriptor copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy) return fail(Error::from_errno(errno, "listen on a copy of a descriptor"));
    return listener_.open(std::move(copy));
}

Result<> Incoming::open(const Address& address, int backlog) {
    ListenOptions options;
    options.backlog = backlog;
    return listener_.open(address, options);
}

int Incoming::traverse(visitproc visit, void* arg) noexcept {
    Py_VISIT(acceptance_->make_protocol);
    Py_VISIT(acceptance_->server);
    Py_VISIT(acceptance_->context);
    return 0;
}

}  // namespace bine::python
