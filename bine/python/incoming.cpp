#include "bine/python/incoming.h"

#include <fcntl.h>

#include "bine/python/loop.h"
#include "bine/python/stream_transport.h"
#include "bine/python/tls_context.h"

namespace bine::python {

namespace {

Ref<Acceptance> acceptance_for(PyObject* make_protocol, PyObject* server, PyObject* context, const TlsSide* tls) {
    Ref<Acceptance> acceptance(new Acceptance);
    acceptance->make_protocol = Kept(Object::borrowed(make_protocol));
    acceptance->server = Kept(Object::borrowed(server));
    acceptance->context = Kept(Object::borrowed(context));
    if (tls) acceptance->extra = Kept(extra_for(*tls));
    return acceptance;
}

}  // namespace

ConnectionOptions options_for_python() noexcept {
    ConnectionOptions options;
    options.lane = Lane::second;
    options.ends_plainly = true;
    return options;
}

Object extra_for(const TlsSide& tls, PyObject* before) {
    Object extra = Object::owned(before ? PyDict_Copy(before) : PyDict_New());
    if (!extra || PyDict_SetItemString(extra.get(), "sslcontext", tls.object) < 0) return Object();
    return extra;
}

Factory factory_for(Loop& loop, Ref<Acceptance> acceptance, const TlsSide* tls) {
    Factory factory = [&loop, acceptance = std::move(acceptance)] { return std::make_unique<Wire>(loop, acceptance); };
    return tls ? tls::server_factory(tls->context, std::move(factory), tls->options) : std::move(factory);
}

Incoming::Incoming(Loop& loop, PyObject* make_protocol, PyObject* server, PyObject* context, const TlsSide* tls)
    : acceptance_(acceptance_for(make_protocol, server, context, tls)),
      listener_(loop.reactor(), factory_for(loop, acceptance_, tls), {.connection = options_for_python()}) {}

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
    Py_VISIT(acceptance_->make_protocol.get());
    Py_VISIT(acceptance_->server.get());
    Py_VISIT(acceptance_->context.get());
    return 0;
}

}  // namespace bine::python
