// Endpoint strings for Python: _bine._listen, _bine._connect, and the type of what listens.
#include "bine/async/within.h"
#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/endpoints.h"
#include "bine/net/connection_ref.h"
#include "bine/python/await.h"
#include "bine/python/names.h"
#include "bine/python/network.h"
#include "bine/python/stream_transport.h"
#include "bine/tls/endpoints.h"

namespace bine::python {

namespace {

// Something that listens. It goes on until it is closed, or its loop is, whether Python keeps hold of it or not.
class Listening final : public Counted, public Pending {
public:
    Listening(Loop& loop, Port port, Ref<Acceptance> acceptance)
        : loop_(&loop), port_(std::move(port)), acceptance_(std::move(acceptance)), self_(this) {
        loop.add(*this);
    }

    // Null when it is closed.
    Loop* loop() noexcept { return loop_; }
    Port* port() noexcept { return port_ ? &*port_ : nullptr; }
    void close() noexcept {
        if (port_) port_->close();
        const Ref<Listening> last = std::exchange(self_, Ref<Listening>());
    }

    void loop_closes() noexcept override {
        loop_ = nullptr;
        const Ref<Listening> last = std::exchange(self_, Ref<Listening>());
        port_.reset();
    }
    int traverse(visitproc visit, void* arg) noexcept override {
        if (!acceptance_) return 0;
        Py_VISIT(acceptance_->make_protocol.get());
        Py_VISIT(acceptance_->context.get());
        return 0;
    }

private:
    Loop* loop_;
    std::optional<Port> port_;
    Ref<Acceptance> acceptance_;
    Ref<Listening> self_;  // while it listens
};

struct PortObject {
    PyObject_HEAD Ref<Listening> listening;
};

Listening& listening_of(PyObject* self) noexcept { return *reinterpret_cast<PortObject*>(self)->listening; }

Object port_object(Loop& loop, Port port, Ref<Acceptance> acceptance) {
    PyTypeObject* type = loop.state().port_type;
    Object self = Object::owned(type->tp_alloc(type, 0));
    if (!self) return self;
    auto* made = new Listening(loop, std::move(port), std::move(acceptance));
    new (&reinterpret_cast<PortObject*>(self.get())->listening) Ref<Listening>(made);
    return self;
}

PyObject* close_port(PyObject* self, PyObject*) {
    listening_of(self).close();
    Py_RETURN_NONE;
}

PyObject* port_closed(PyObject* self, PyObject*) {
    Listening& listening = listening_of(self);
    Loop* const loop = still_open(listening.loop());
    if (!loop) return nullptr;
    const auto none = [] { return Object::borrowed(Py_None); };
    return as_future(*loop, [&] { return listening.port() ? listening.port()->closed() : ready(); }, none);
}

PyObject* port_address(PyObject* self, void*) {
    return translated([&]() -> PyObject* {
        Port* port = listening_of(self).port();
        return port ? name_of(port->address()).release() : Py_NewRef(Py_None);
    });
}
PyObject* port_connections(PyObject* self, void*) {
    Port* port = listening_of(self).port();
    return PyLong_FromSize_t(port ? port->connections() : 0);
}
PyObject* port_is_open(PyObject* self, void*) {
    Port* port = listening_of(self).port();
    return PyBool_FromLong(port && port->is_open());
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    using Share = Ref<Listening>;
    reinterpret_cast<PortObject*>(self)->listening.~Share();
    type->tp_free(self);
    Py_DECREF(type);
}

PyMethodDef port_methods[] = {
    {"close", close_port, METH_NOARGS, "Stop listening; connections go on."},
    {"_closed", port_closed, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef port_attributes[] = {
    {"address", port_address, nullptr, "Where it listens, with the port that the system chose.", nullptr},
    {"connections", port_connections, nullptr, "How many connections there are now.", nullptr},
    {"is_open", port_is_open, nullptr, "Whether it listens.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

State& state_of_module(PyObject* module) noexcept { return *static_cast<State*>(PyModule_GetState(module)); }

// The context that the protocols of a connection begin in, and how they are made.
Ref<Acceptance> acceptance_for(PyObject* make_protocol, const std::optional<TlsSide>& tls) {
    Object context = Object::owned(PyContext_CopyCurrent());
    if (!context) return Ref<Acceptance>();
    Ref<Acceptance> acceptance(new Acceptance);
    acceptance->make_protocol = Kept(Object::borrowed(make_protocol));
    acceptance->context = Kept(std::move(context));
    if (tls) acceptance->extra = Kept(extra_for(*tls));
    return acceptance;
}

// listen(loop, endpoint, protocol_factory, tls)
PyObject* listen_at(PyObject* module, PyObject* args) {
    State& state = state_of_module(module);
    PyObject *loop_object = nullptr, *make_protocol = nullptr, *context = nullptr;
    const char* endpoint = nullptr;
    if (!PyArg_ParseTuple(args, "O!sOO", state.loop_type, &loop_object, &endpoint, &make_protocol, &context))
        return nullptr;
    std::optional<TlsSide> tls;
    if (context != Py_None && !(tls = TlsSide::read(state, context, true, nullptr, nullptr))) return nullptr;
    Loop& loop = loop_of(loop_object);
    const Ref<Acceptance> acceptance = acceptance_for(make_protocol, tls);
    if (!acceptance) return nullptr;
    return as_future(
        loop,
        [&]() -> Deferred<Port> {
            auto server = loop.network().endpoints.server(endpoint);
            if (!server) return failed(server.error());
            if (tls) server = tls::over(std::move(*server), tls->context, tls->options);
            return (*server)->listen(loop.reactor(), factory_for(loop, acceptance, nullptr),
                                     {.connection = options_for_python()});
        },
        [&loop, acceptance](Port port) { return port_object(loop, std::move(port), acceptance); });
}

// What connecting comes to: the pair that asyncio answers. Whom nobody takes is not left behind.
class Connected {
public:
    explicit Connected(Ref<Acceptance> acceptance) : acceptance_(std::move(acceptance)) {}
    Connected(Connected&&) noexcept = default;
    ~Connected() {
        if (acceptance_ && acceptance_->transport) abort_it();
    }

    // In the lane, behind Wire::welcome().
    Object operator()() {
        const Ref<Acceptance> acceptance = std::move(acceptance_);
        if (acceptance->exception) return raise(acceptance->exception.take()), Object();
        Object transport = acceptance->transport.take();
        if (!transport) {
            PyErr_SetString(PyExc_ConnectionError, "the connection was lost before it could be used");
            return Object();
        }
        const Object protocol = Object::owned(PyObject_CallMethod(transport.get(), "get_protocol", nullptr));
        return protocol ? Object::owned(PyTuple_Pack(2, transport.get(), protocol.get())) : Object();
    }

private:
    void abort_it() noexcept {
        bine::Transport* below = StreamTransport::of(acceptance_->transport.get()).below;
        if (below) below->abort();
    }

    Ref<Acceptance> acceptance_;
};

// The host that a client's endpoint names: whom its certificate must be for.
std::string host_of(std::string_view endpoint) {
    const auto description = parse_endpoint(endpoint);
    if (!description || description->name == "unix") return {};
    for (const EndpointArgument& argument : description->named) {
        if (argument.name == "host") return argument.value;
    }
    return description->positional.empty() ? std::string() : description->positional.front();
}

// connect(loop, endpoint, protocol_factory, tls, server_hostname)
PyObject* connect_to(PyObject* module, PyObject* args) {
    State& state = state_of_module(module);
    PyObject *loop_object = nullptr, *make_protocol = nullptr, *context = nullptr, *name = nullptr;
    const char* endpoint = nullptr;
    if (!PyArg_ParseTuple(args, "O!sOOO", state.loop_type, &loop_object, &endpoint, &make_protocol, &context, &name))
        return nullptr;
    std::optional<TlsSide> tls;
    if (context != Py_None && !(tls = TlsSide::read(state, context, false, name, nullptr))) return nullptr;
    if (tls && name == Py_None) tls->name = host_of(endpoint);
    Loop& loop = loop_of(loop_object);
    const Ref<Acceptance> acceptance = acceptance_for(make_protocol, tls);
    if (!acceptance) return nullptr;
    acceptance->keeps = true;
    return as_future(
        loop,
        [&]() -> Deferred<> {
            auto client = loop.network().endpoints.client(endpoint);
            if (!client) return failed(client.error());
            if (tls) client = tls::over(std::move(*client), tls->context, tls->name, tls->options);
            return (*client)->connect(loop.reactor(), factory_for(loop, acceptance, nullptr), options_for_python());
        },
        Connected(acceptance));
}

PyMethodDef functions[] = {
    {"_listen", listen_at, METH_VARARGS, nullptr},
    {"_connect", connect_to, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

template <class F>
void* slot(F pointer) {
    return reinterpret_cast<void*>(pointer);
}

}  // namespace

int add_port_type(PyObject* module, State& state) {
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("Something that listens; bine.listen() makes it.")},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_methods, port_methods},
        {Py_tp_getset, port_attributes},
        {0, nullptr},
    };
    constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec spec{"bine._bine.Port", sizeof(PortObject), 0, kFlags, slots};
    state.port_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
    if (!state.port_type || PyModule_AddType(module, state.port_type) < 0) return -1;
    return PyModule_AddFunctions(module, functions);
}

}  // namespace bine::python
