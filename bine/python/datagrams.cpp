// _bine.Datagrams: an open datagram socket on a host of a simulated world, which the sockets of python/bine/sim stand on.
//
// A receiver, a function of Python's, is called in the loop's lane: with the bytes and the address of what arrives, or with
// the exception for what went wrong earlier and None. The socket ends with close(), or with its loop.
#include "bine/net/udp.h"
#include "bine/python/kept.h"
#include "bine/python/loop.h"
#include "bine/python/names.h"
#include "bine/python/pending.h"
#include "bine/python/world.h"

namespace bine::python {

namespace {

class HeldDatagrams final : public Counted, public Pending {
public:
    HeldDatagrams(Loop& loop, PyObject* receiver) : loop_(loop), receiver_(Object::borrowed(receiver)) {}

    // Throws Error.
    void open(const Address& local, const Address& remote) {
        const Ref<HeldDatagrams> self(this);
        socket_.emplace(
            loop_.reactor(), local,
            [this](std::string_view bytes, const Address& from) { arrived(std::string(bytes), from); }, remote);
        socket_->on_send_failed([this](const Error& error) { failed(error); });
        self_ = self;
        loop_.add(*this);
    }
    UdpSocket* socket() noexcept { return socket_ ? &*socket_ : nullptr; }
    void close() noexcept {
        static_cast<ListHook<Pending>&>(*this).unlink();
        loop_closes();
    }

    void loop_closes() noexcept override {
        const Ref<HeldDatagrams> last = std::exchange(self_, Ref<HeldDatagrams>());
        socket_.reset();
        receiver_ = Object();
    }
    int traverse(visitproc visit, void* arg) noexcept override {
        Py_VISIT(receiver_.get());
        return 0;
    }

private:
    void arrived(std::string bytes, const Address& from) {
        loop_.in_lane([self = Ref<HeldDatagrams>(this), bytes = std::move(bytes), from] {
            const Object data =
                Object::owned(PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
            self->tell(data, name_of(from));
        });
    }
    void failed(const Error& error) {
        loop_.in_lane(
            [self = Ref<HeldDatagrams>(this), error] { self->tell(exception_of(error), Object::borrowed(Py_None)); });
    }
    void tell(const Object& what, const Object& from) {
        const Object receiver = receiver_;
        if (!receiver) return;
        const Object done =
            what && from ? Object::owned(PyObject_CallFunctionObjArgs(receiver.get(), what.get(), from.get(), nullptr))
                         : Object();
        if (!done) (void)loop_.callback_failed(nullptr);
    }

    Loop& loop_;
    Object receiver_;
    std::optional<UdpSocket> socket_;
    Ref<HeldDatagrams> self_;  // while it is open
};

struct DatagramsObject {
    PyObject_HEAD Ref<HeldDatagrams> held;
};

HeldDatagrams& held_by(PyObject* self) noexcept { return *reinterpret_cast<DatagramsObject*>(self)->held; }

// send(bytes, host, port): to the address that it is connected to when the host is "".
PyObject* send(PyObject* self, PyObject* args) {
    Py_buffer bytes{};
    const char* there = nullptr;
    int port = 0;
    if (!PyArg_ParseTuple(args, "y*si", &bytes, &there, &port)) return nullptr;
    PyObject* const answer = translated([&]() -> PyObject* {
        const auto to = read_address(there, port);
        if (!to) return nullptr;
        UdpSocket* const socket = held_by(self).socket();
        if (!socket) return raise(Error(Errc::closed, "send a datagram: the socket is closed"));
        const std::string_view text(static_cast<const char*>(bytes.buf), static_cast<std::size_t>(bytes.len));
        const auto sent = socket->send_to(text, *to);
        return sent ? Py_NewRef(Py_None) : raise(sent.error());
    });
    PyBuffer_Release(&bytes);
    return answer;
}

PyObject* close(PyObject* self, PyObject*) {
    held_by(self).close();
    Py_RETURN_NONE;
}

PyObject* get_address(PyObject* self, void*) {
    return translated([&]() -> PyObject* {
        UdpSocket* const socket = held_by(self).socket();
        return socket ? name_of(socket->local_address()).release() : Py_NewRef(Py_None);
    });
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    using Share = Ref<HeldDatagrams>;
    reinterpret_cast<DatagramsObject*>(self)->held.~Share();
    type->tp_free(self);
    Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"send", send, METH_VARARGS, nullptr},
    {"close", close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef attributes[] = {
    {"address", get_address, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* open_datagrams(Loop& loop, PyObject* receiver, const Address& local, const Address& remote) {
    PyTypeObject* type = loop.state().datagrams_type;
    const Ref<HeldDatagrams> held(new HeldDatagrams(loop, receiver));
    held->open(local, remote);
    PyObject* const self = type->tp_alloc(type, 0);
    if (!self) return held->close(), nullptr;
    new (&reinterpret_cast<DatagramsObject*>(self)->held) Ref<HeldDatagrams>(held);
    return self;
}

int add_datagrams_type(PyObject* module, State& state) {
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("Datagrams of a host of a simulated world; bine.sim is what programs use.")},
        {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
        {Py_tp_methods, methods},
        {Py_tp_getset, attributes},
        {0, nullptr},
    };
    constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec spec{"bine._bine.Datagrams", sizeof(DatagramsObject), 0, kFlags, slots};
    state.datagrams_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
    return state.datagrams_type ? PyModule_AddType(module, state.datagrams_type) : -1;
}

}  // namespace bine::python
