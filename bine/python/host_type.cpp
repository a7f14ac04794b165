// _bine.Host: a machine of a simulated world, and the network as a loop on it sees that.
#include "bine/net/connection.h"
#include "bine/python/incoming.h"
#include "bine/python/loop.h"
#include "bine/python/stream_transport.h"
#include "bine/python/tls_context.h"
#include "bine/python/world.h"
#include "bine/sim/host.h"

namespace bine::python {

namespace {

struct HostObject {
    PyObject_HEAD PlayedHost* host;  // null when its world is over
};

// Runs `function(host)` for an answer in Python.
template <class F>
PyObject* on_host(PyObject* self, F&& function) noexcept {
    PlayedHost* const host = host_of(self);
    if (!host) return nullptr;
    return translated([&]() -> PyObject* { return function(*host); });
}

template <class F>
PyObject* do_on_host(PyObject* self, F&& function) noexcept {
    return on_host(self, [&](PlayedHost& host) {
        function(host);
        return Py_NewRef(Py_None);
    });
}

PyObject* run(PyObject* self, PyObject* boot) {
    return do_on_host(self, [&](PlayedHost& host) { host.run(Object::borrowed(boot)); });
}

// ended(error): the words of the error that the program ended with, or None.
PyObject* ended(PyObject* self, PyObject* error) {
    return on_host(self, [&](PlayedHost& host) -> PyObject* {
        std::optional<std::string> words;
        if (error != Py_None) {
            const char* text = PyUnicode_AsUTF8(error);
            if (!text) return nullptr;
            words = text;
        }
        host.ended(std::move(words));
        Py_RETURN_NONE;
    });
}

PyObject* stop(PyObject* self, PyObject*) {
    return do_on_host(self, [](PlayedHost& host) { host.host().stop(); });
}
PyObject* crash(PyObject* self, PyObject*) {
    return do_on_host(self, [](PlayedHost& host) { host.host().crash(); });
}
PyObject* restart(PyObject* self, PyObject*) {
    return do_on_host(self, [](PlayedHost& host) { host.host().restart(); });
}

PyObject* jump_clock(PyObject* self, PyObject* by) {
    const double seconds = PyFloat_AsDouble(by);
    if (PyErr_Occurred()) return nullptr;
    return do_on_host(self,
                      [&](PlayedHost& host) { host.host().jump_clock(Duration(static_cast<int64_t>(seconds * 1e9))); });
}

// connect(loop, protocol, future, host, port, local host, local port): the future gets a transport that is not begun.
PyObject* connect(PyObject* self, PyObject* args) {
    PyObject *loop = nullptr, *protocol = nullptr, *future = nullptr;
    const char *there = nullptr, *here = nullptr;
    int port = 0, local_port = 0;
    if (!PyArg_ParseTuple(args, "OOOsisi", &loop, &protocol, &future, &there, &port, &here, &local_port))
        return nullptr;
    return on_host(self, [&](PlayedHost& host) -> PyObject* {
        const auto remote = read_address(there, port);
        const auto local = remote ? read_address(here, local_port) : std::nullopt;
        if (!local) return nullptr;
        StreamTransport* transport = make_transport(loop_of(loop), protocol, nullptr, nullptr, nullptr, nullptr);
        if (!transport) return nullptr;
        const Object kept = Object::owned(transport->object());
        return host.connect(loop_of(loop), kept.get(), future, *remote, *local);
    });
}

PyObject* cancel_connect(PyObject* self, PyObject* number) {
    const auto which = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred()) return nullptr;
    return do_on_host(self, [&](PlayedHost& host) { host.cancel_connect(which); });
}

// listen(loop, number, make_protocol, server, host, port, backlog, tls=None, timeout=None)
PyObject* listen(PyObject* self, PyObject* args) {
    PyObject *loop_object = nullptr, *make_protocol = nullptr, *server = nullptr;
    PyObject *secure = Py_None, *timeout = Py_None;
    const char* here = nullptr;
    int number = 0, port = 0, backlog = 0;
    if (!PyArg_ParseTuple(args, "OiOOsii|OO", &loop_object, &number, &make_protocol, &server, &here, &port, &backlog,
                          &secure, &timeout))
        return nullptr;
    std::optional<TlsSide> tls;
    if (secure != Py_None && !(tls = TlsSide::read(loop_of(loop_object).state(), secure, true, nullptr, timeout)))
        return nullptr;
    const Object context = Object::owned(PyContext_CopyCurrent());
    if (!context) return nullptr;
    return on_host(self, [&](PlayedHost&) -> PyObject* {
        const auto address = read_address(here, port);
        if (!address) return nullptr;
        Loop& loop = loop_of(loop_object);
        auto incoming = std::make_unique<Incoming>(loop, make_protocol, server == Py_None ? nullptr : server,
                                                   context.get(), tls ? &*tls : nullptr);
        const auto opened = incoming->open(*address, backlog);
        if (!opened) return raise(opened.error());
        loop.keep_serving(number, std::move(incoming));
        Py_RETURN_NONE;
    });
}

// end_listening(loop, number)
PyObject* end_listening(PyObject* self, PyObject* args) {
    PyObject* loop = nullptr;
    int number = 0;
    if (!PyArg_ParseTuple(args, "Oi", &loop, &number)) return nullptr;
    return do_on_host(self, [&](PlayedHost&) { loop_of(loop).stop_serving(number); });
}

// open_datagrams(loop, receiver, host, port, remote host, remote port): see Datagrams.
PyObject* open_datagrams_of(PyObject* self, PyObject* args) {
    PyObject *loop = nullptr, *receiver = nullptr;
    const char *here = nullptr, *there = nullptr;
    int port = 0, remote_port = 0;
    if (!PyArg_ParseTuple(args, "OOsisi", &loop, &receiver, &here, &port, &there, &remote_port)) return nullptr;
    return on_host(self, [&](PlayedHost&) -> PyObject* {
        const auto local = read_address(here, port);
        const auto remote = local ? read_address(there, remote_port) : std::nullopt;
        return remote ? open_datagrams(loop_of(loop), receiver, *local, *remote) : nullptr;
    });
}

// look_up(name): the addresses that the name has in the world, as texts. OSError when it has none.
PyObject* look_up(PyObject* self, PyObject* name_object) {
    const char* name = PyUnicode_AsUTF8(name_object);
    if (!name) return nullptr;
    return on_host(self, [&](PlayedHost& host) -> PyObject* {
        Object list = Object::owned(PyList_New(0));
        const auto add = [&](const Address& address) {
            const Object text = Object::owned(PyUnicode_FromString(address.host().c_str()));
            if (text && list) (void)PyList_Append(list.get(), text.get());
        };
        const auto looked_up = host.host().reactor().driver().look_up(name, Address::Family::none, add);
        if (!looked_up) return raise(looked_up.error());
        return PyErr_Occurred() ? nullptr : list.release();
    });
}

// keep_for_ever(object): it is never freed, so nothing that its end would run ever runs.
PyObject* keep_for_ever(PyObject*, PyObject* object) {
    Py_INCREF(object);
    Py_RETURN_NONE;
}

PyObject* get_name(PyObject* self, void*) {
    return on_host(self, [](PlayedHost& host) { return PyUnicode_FromString(host.host().name().c_str()); });
}
PyObject* get_address(PyObject* self, void*) {
    return on_host(self, [](PlayedHost& host) { return PyUnicode_FromString(host.host().address(0).host().c_str()); });
}
PyObject* get_up(PyObject* self, void*) {
    return on_host(self, [](PlayedHost& host) { return PyBool_FromLong(host.host().up()); });
}
PyObject* get_done(PyObject* self, void*) {
    return on_host(self, [](PlayedHost& host) { return PyBool_FromLong(host.host().done()); });
}
PyObject* get_clock_ahead(PyObject* self, void*) {
    return on_host(self, [](PlayedHost& host) {
        return PyFloat_FromDouble(std::chrono::duration<double>(host.host().clock_ahead()).count());
    });
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    forget_host(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"run", run, METH_O, nullptr},
    {"ended", ended, METH_O, nullptr},
    {"stop", stop, METH_NOARGS, nullptr},
    {"crash", crash, METH_NOARGS, nullptr},
    {"restart", restart, METH_NOARGS, nullptr},
    {"jump_clock", jump_clock, METH_O, nullptr},
    {"connect", connect, METH_VARARGS, nullptr},
    {"cancel_connect", cancel_connect, METH_O, nullptr},
    {"listen", listen, METH_VARARGS, nullptr},
    {"end_listening", end_listening, METH_VARARGS, nullptr},
    {"open_datagrams", open_datagrams_of, METH_VARARGS, nullptr},
    {"look_up", look_up, METH_O, nullptr},
    {"keep_for_ever", keep_for_ever, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef attributes[] = {
    {"name", get_name, nullptr, nullptr, nullptr},
    {"address", get_address, nullptr, nullptr, nullptr},
    {"up", get_up, nullptr, nullptr, nullptr},
    {"done", get_done, nullptr, nullptr, nullptr},
    {"clock_ahead", get_clock_ahead, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

std::optional<Address> read_address(const char* host, int port) {
    if (*host == '\0') return Address();
    if (port < 0) return Address::unix_path(host);
    auto address = Address::try_parse_ip(host, static_cast<uint16_t>(port));
    if (!address) PyErr_Format(PyExc_ValueError, "\"%s\" is no IP address", host);
    return address;
}

PlayedHost* host_of(PyObject* object) noexcept {
    PlayedHost* const host = reinterpret_cast<HostObject*>(object)->host;
    if (!host) PyErr_SetString(PyExc_RuntimeError, "the world of this host is over");
    return host;
}

Reactor* reactor_of_host(State& state, PyObject* object) noexcept {
    if (!Py_IS_TYPE(object, state.host_type)) return nullptr;
    PlayedHost* const host = reinterpret_cast<HostObject*>(object)->host;
    return host && host->host().up() ? &host->host().reactor() : nullptr;
}

PyObject* make_host(State& state, PlayedWorld& world, sim::Host& host) {
    Object object = Object::owned(state.host_type->tp_alloc(state.host_type, 0));
    if (!object) return nullptr;
    reinterpret_cast<HostObject*>(object.get())->host = new PlayedHost(world, host);
    world.hosts.push_back(object);
    return object.release();
}

void forget_host(PyObject* object) noexcept {
    delete std::exchange(reinterpret_cast<HostObject*>(object)->host, nullptr);
}

int add_host_type(PyObject* module, State& state) {
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("A machine of a simulated world; bine.sim is what programs use.")},
        {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
        {Py_tp_methods, methods},
        {Py_tp_getset, attributes},
        {0, nullptr},
    };
    constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec spec{"bine._bine.Host", sizeof(HostObject), 0, kFlags, slots};
    state.host_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
    return state.host_type ? PyModule_AddType(module, state.host_type) : -1;
}

}  // namespace bine::python
