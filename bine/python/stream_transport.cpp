#include "bine/python/stream_transport.h"

#include <structmember.h>

#include <algorithm>

#include "bine/net/connection.h"
#include "bine/python/in_context.h"
#include "bine/python/loop.h"
#include "bine/python/names.h"
#include "bine/tls/session.h"

namespace bine::python {

Py_ssize_t StreamTransport::offset = 0;

namespace {

constexpr uint32_t kHigh = StreamTransport::kHigh;
// asyncio's constant: so many writes to a lost connection pass in silence.
constexpr uint32_t kQuietWrites = 5;

PyObject* yes_or_no(bool value) { return PyBool_FromLong(value); }

// A method of the protocol, or None when it has none. Null with another error set.
Object method_of(PyObject* protocol, PyObject* name) {
    Object method = Object::owned(PyObject_GetAttr(protocol, name));
    if (method || !PyErr_ExceptionMatches(PyExc_AttributeError)) return method;
    PyErr_Clear();
    return Object::borrowed(Py_None);
}

// True, with an error set, when `protocol` cannot be one. A buffered one is that by its class, or by its methods alone. What is
// neither is let be: asyncio's own transports find out when there is data.
bool set_protocol(State& state, StreamTransport& transport, PyObject* protocol) {
    int buffered = PyObject_IsInstance(protocol, state.buffered_protocol);
    if (buffered < 0) return true;
    Object receive = method_of(protocol, buffered ? state.get_buffer : state.data_received);
    if (receive.get() == Py_None && !buffered) {
        receive = method_of(protocol, state.get_buffer);
        buffered = receive && receive.get() != Py_None;
    }
    if (!receive) return true;
    Py_XSETREF(transport.receive, receive.release());
    Py_XSETREF(transport.protocol, Py_NewRef(protocol));
    transport.is_buffered = buffered == 1;
    PyObject* const bound = transport.receive;
    transport.feeds_reader = PyMethod_Check(bound) && PyMethod_GET_FUNCTION(bound) == state.stream_data_received;
    return false;
}

}  // namespace

StreamTransport* make_transport(Loop& loop, PyObject* protocol, PyObject* context, PyObject* waiter, PyObject* extra,
                                PyObject* server) {
    State& state = loop.state();
    const Object object = Object::owned(PyType_GenericAlloc(state.transport_type, 0));
    if (!object) return nullptr;
    StreamTransport& transport = StreamTransport::of(object.get());
    transport.fd = -1;
    transport.high = kHigh;
    transport.low = kHigh / 4;
    transport.loop = &loop;
    transport.loop_object = Py_NewRef(loop.object());
    transport.context = context ? Py_NewRef(context) : PyContext_CopyCurrent();
    transport.waiter = Py_XNewRef(waiter);
    transport.extra = Py_XNewRef(extra);
    if (!transport.context || set_protocol(state, transport, protocol)) return nullptr;
    if (server) {
        const Object done =
            Object::owned(PyObject_CallMethodObjArgs(loop.object(), state.attach, server, object.get(), nullptr));
        if (!done) return nullptr;
        transport.server = Py_NewRef(server);
    }
    Py_INCREF(object.get());
    return &transport;
}

namespace {

// The connection will not be made.
void fail_to_open(StreamTransport& transport, const Error& error) noexcept {
    const Object kept = Object::borrowed(transport.object());
    Object exception = exception_of(error);
    if (!exception) exception = take_exception();
    transport.is_handshaking = false;
    const Object protocol = Object::borrowed(transport.protocol);
    // Of a loop that closes nobody learns anything any more.
    if (transport.loop->reactor().is_ending()) Py_CLEAR(transport.waiter);
    settle_waiter(transport, exception.get());
    Loop& loop = *transport.loop;
    loop.forget_transport(transport.fd, &transport);
    end_transport(transport);
    if (!transport.is_taken_over) return;
    const Object done =
        Object::owned(PyObject_CallMethodOneArg(protocol.get(), loop.state().connection_lost, exception.get()));
    if (!done) (void)loop.callback_failed(nullptr);
}

// The protocol that begins TLS on a connection for `transport`.
std::unique_ptr<Protocol> secure(Loop& loop, StreamTransport& transport, const TlsSide& tls) {
    const Ref<Acceptance> acceptance(new Acceptance);
    acceptance->transport = Kept(Object::borrowed(transport.object()));
    Factory inner = [&loop, acceptance] { return std::make_unique<Wire>(loop, acceptance); };
    tls::HandshakeDone done = [&loop, acceptance](const Error* error) {
        if (!error) return;
        StreamTransport::of(acceptance->transport.get()).below = nullptr;
        const auto fail = [acceptance, why = *error] {
            fail_to_open(StreamTransport::of(acceptance->transport.get()), why);
        };
        loop.has_gil() ? fail() : loop.in_lane(fail);
    };
    return tls.is_server ? tls::server_protocol(tls.context, std::move(inner), std::move(done), tls.options)
                         : tls::client_protocol(tls.context, tls.name, std::move(inner), std::move(done), tls.options);
}

}  // namespace

int open_transport(StreamTransport& transport, PyObject* socket, const TlsSide* tls) {
    const Object number = Object::owned(PyObject_CallMethod(socket, "fileno", nullptr));
    const long fd = number ? PyLong_AsLong(number.get()) : -1;
    if (PyErr_Occurred()) return -1;
    if (fd < 0) return PyErr_SetString(PyExc_ValueError, "the socket is closed"), -1;
    Loop& loop = *transport.loop;
    return translated([&]() -> PyObject* {
        const auto id = loop.reactor().driver().adopt(Descriptor(static_cast<int>(fd)), Descriptor());
        if (!id) return raise(id.error());
        transport.fd = static_cast<int>(fd);
        transport.socket = Py_NewRef(socket);
        loop.set_transport(transport.fd, &transport);
        const Reactor::Current current(loop.reactor());
        std::unique_ptr<Protocol> protocol;
        if (tls) {
            transport.is_handshaking = true;
            protocol = secure(loop, transport, *tls);
        } else {
            protocol = std::make_unique<Wire>(loop, transport);
        }
        Connection& connection = Connection::start(loop.reactor(), *id, std::move(protocol), options_for_python());
        if (tls && transport.is_handshaking) transport.below = &connection;
        connection.set_no_delay(true);
        loop.touched();
        return Py_None;
    })
               ? 0
               : -1;
}

PyObject* start_tls(StreamTransport& plain, PyObject* protocol, PyObject* waiter, const TlsSide& tls) {
    if (!plain.below || plain.is_closing || !plain.wire)
        return PyErr_SetString(PyExc_ConnectionError, "start_tls: the transport is closing"), nullptr;
    Loop& loop = *plain.loop;
    const Object extra = extra_for(tls, plain.extra);
    if (!extra) return nullptr;
    StreamTransport* made = make_transport(loop, protocol, plain.context, waiter, extra.get(), plain.server);
    if (!made) return nullptr;
    Object object = Object::owned(made->object());
    return translated([&]() -> PyObject* {
        const Object kept = Object::borrowed(plain.object());
        const Reactor::Current current(loop.reactor());
        bine::Transport& below = *plain.below;
        std::unique_ptr<Protocol> next = secure(loop, *made, tls);
        made->fd = plain.fd;
        made->socket = std::exchange(plain.socket, nullptr);
        made->socket_view = std::exchange(plain.socket_view, nullptr);
        made->is_taken_over = plain.is_made;
        made->is_handshaking = true;
        const std::string held = plain.wire->give_up_transport();
        end_transport(plain);
        loop.set_transport(made->fd, made);
        made->below = &below;
        below.resume_reading();
        below.replace_protocol(std::move(next), held);
        loop.touched();
        return object.release();
    });
}

void settle_waiter(StreamTransport& transport, PyObject* exception) noexcept {
    const Object waiter = Object::owned(std::exchange(transport.waiter, nullptr));
    if (!waiter) return;
    const State& state = transport.loop->state();
    const Object cancelled = Object::owned(PyObject_CallMethodNoArgs(waiter.get(), state.cancelled));
    Object done = cancelled;
    if (cancelled.get() == Py_False)
        done = Object::owned(PyObject_CallMethodOneArg(waiter.get(), exception ? state.set_exception : state.set_result,
                                                       exception ? exception : Py_None));
    if (!done) transport.loop->report_unheard(waiter.get());
}

void settle_empty_waiter(StreamTransport& transport, PyObject* exception) noexcept {
    PyObject* waiter = transport.empty_waiter;
    const Object over = Object::owned(PyObject_CallMethod(waiter, "done", nullptr));
    Object done = over;
    if (over.get() == Py_False)
        done = Object::owned(exception ? PyObject_CallMethod(waiter, "set_exception", "O", exception)
                                       : PyObject_CallMethod(waiter, "set_result", "O", Py_None));
    if (!done) Loop::report_unraisable(waiter);
}

void warn_unclosed(StreamTransport& transport) noexcept {
    if (transport.is_closing) return;
    if (PyErr_ResourceWarning(transport.object(), 1, "unclosed transport %R", transport.object()) < 0)
        transport.loop->report_unheard(transport.object());
}

void end_transport(StreamTransport& transport) noexcept {
    transport.is_closing = true;
    State& state = transport.loop->state();
    if (transport.socket) {
        // The descriptor was closed by the driver.
        const Object done = Object::owned(PyObject_CallMethodNoArgs(transport.socket, state.detach));
        if (!done) transport.loop->report_unheard(transport.socket);
        Py_CLEAR(transport.socket);
    }
    if (const Object server = Object::owned(std::exchange(transport.server, nullptr))) {
        const Object done = Object::owned(PyObject_CallMethodObjArgs(transport.loop_object, state.detach_transport,
                                                                     server.get(), transport.object(), nullptr));
        if (!done) transport.loop->report_unheard(server.get());
    }
    Py_CLEAR(transport.protocol);
    Py_CLEAR(transport.receive);
    Py_CLEAR(transport.context);
    Py_CLEAR(transport.waiter);
    Py_CLEAR(transport.exception);
    transport.loop = nullptr;
}

namespace {

StreamTransport& transport_of(PyObject* self) noexcept { return StreamTransport::of(self); }

// Tells the protocol to stop, when more waits to be sent than the high mark. Null with an error set when that ends programs,
// None otherwise.
PyObject* check_high_mark(StreamTransport& transport) {
    if (transport.is_protocol_paused || !transport.below->writing_is_paused()) Py_RETURN_NONE;
    transport.below->flush();
    if (transport.below->queued() <= transport.high) Py_RETURN_NONE;
    transport.is_protocol_paused = true;
    const Object kept = Object::borrowed(transport.object());
    const Object protocol = Object::borrowed(transport.protocol);
    Loop& loop = *transport.loop;
    const InContext inside(transport.context);
    const Object done = Object::owned(PyObject_CallMethodNoArgs(protocol.get(), loop.state().pause_writing));
    if (!done && is_exit()) return nullptr;
    if (!done) loop.report(transport, "protocol.pause_writing() failed");
    Py_RETURN_NONE;
}

// False, with an error set, when the loop runs in another thread.
bool is_here(const StreamTransport& transport) {
    return !transport.loop || !transport.loop->is_elsewhere() || !transport.loop->refuses_thread();
}

// False, with an error set, when nothing may be written.
bool may_write(StreamTransport& transport) {
    if (!is_here(transport)) return false;
    if (transport.has_ended) {
        PyErr_SetString(PyExc_RuntimeError, "Cannot call write() after write_eof()");
    } else if (transport.empty_waiter) {
        PyErr_SetString(PyExc_RuntimeError, "unable to write; sendfile is in progress");
    } else {
        return true;
    }
    return false;
}

// Counts a write that goes nowhere, and says so when there are many.
PyObject* write_in_vain(StreamTransport& transport) {
    if (transport.writes_in_vain++ < kQuietWrites) Py_RETURN_NONE;
    return PyObject_CallMethod(transport.loop_object, "_written_in_vain", nullptr);
}

bool may_send(const StreamTransport& transport) {
    return transport.below && (!transport.is_closing || transport.is_flushing);
}

PyObject* write_bytes(StreamTransport& transport, const char* data, Py_ssize_t size) {
    if (size == 0) Py_RETURN_NONE;
    if (!may_send(transport)) return write_in_vain(transport);
    return translated([&] {
        transport.below->write(std::string_view(data, static_cast<std::size_t>(size)));
        transport.loop->touched();
        return check_high_mark(transport);
    });
}

PyObject* write(PyObject* self, PyObject* data) {
    StreamTransport& transport = transport_of(self);
    if (PyBytes_CheckExact(data)) {
        if (!may_write(transport)) return nullptr;
        return write_bytes(transport, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    }
    if (!PyBytes_Check(data) && !PyByteArray_Check(data) && !PyMemoryView_Check(data))
        return PyErr_Format(PyExc_TypeError, "data argument must be a bytes-like object, not '%s'",
                            Py_TYPE(data)->tp_name);
    if (!may_write(transport)) return nullptr;
    Py_buffer buffer{};
    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) < 0) return nullptr;
    PyObject* result = write_bytes(transport, static_cast<const char*>(buffer.buf), buffer.len);
    PyBuffer_Release(&buffer);
    return result;
}

// Many pieces leave as one, so the high mark is looked at once.
PyObject* writelines(PyObject* self, PyObject* lines) {
    StreamTransport& transport = transport_of(self);
    if (!may_write(transport)) return nullptr;
    const Object sequence =
        Object::owned(PySequence_Fast(lines, "writelines() takes an iterable of bytes-like objects"));
    if (!sequence) return nullptr;
    return translated([&]() -> PyObject* {
        Output output;
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.get()); ++i) {
            Py_buffer buffer{};
            if (PyObject_GetBuffer(PySequence_Fast_GET_ITEM(sequence.get(), i), &buffer, PyBUF_SIMPLE) < 0)
                return nullptr;
            output.append(std::string_view(static_cast<const char*>(buffer.buf), static_cast<std::size_t>(buffer.len)));
            PyBuffer_Release(&buffer);
        }
        if (output.empty()) Py_RETURN_NONE;
        if (!may_send(transport)) return write_in_vain(transport);
        transport.below->write(std::move(output));
        transport.loop->touched();
        return check_high_mark(transport);
    });
}

PyObject* write_eof(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    if (!is_here(transport)) return nullptr;
    if (transport.is_closing || std::exchange(transport.has_ended, true)) Py_RETURN_NONE;
    if (!transport.below) Py_RETURN_NONE;
    transport.below->shutdown_writing();
    transport.loop->touched();
    Py_RETURN_NONE;
}

PyObject* can_write_eof(PyObject*, PyObject*) { Py_RETURN_TRUE; }

// Has a method of the transport called in the next iteration, by the loop's thread. Null with an error set.
PyObject* call_soon(StreamTransport& transport, const char* name, PyObject* argument = nullptr) {
    Loop& loop = *transport.loop;
    const Object method = Object::owned(PyObject_GetAttrString(transport.object(), name));
    Handle* handle =
        method ? make_handle(loop.state(), transport.loop_object, method.get(), &argument, argument ? 1 : 0, nullptr)
               : nullptr;
    if (!handle) return nullptr;
    return translated([&]() -> PyObject* {
        loop.is_elsewhere() ? loop.append_from_thread(handle->object()) : loop.append(handle->object());
        Py_RETURN_NONE;
    });
}

// Has the protocol told in the next iteration. Null with an error set.
PyObject* end_soon(StreamTransport& transport) { return call_soon(transport, "_end"); }

// What forgets a transport may be the collector, which runs in any thread: its end is for the loop's.
bool is_elsewhere(const StreamTransport& transport) { return transport.loop && transport.loop->is_elsewhere(); }

}  // namespace

// As asyncio's transports do: what waits to be sent leaves first, and the protocol may still add to it when it hears that
// it may go on.
PyObject* close_transport(StreamTransport& transport) {
    if (std::exchange(transport.is_closing, true) || !transport.below) Py_RETURN_NONE;
    transport.loop->touched();
    if (transport.is_handshaking) {
        transport.below->abort();
        Py_RETURN_NONE;
    }
    if (!transport.is_protocol_paused) transport.below->flush();
    if (!transport.is_protocol_paused && transport.below->queued() == 0) {
        transport.below->close();
        return end_soon(transport);
    }
    transport.below->pause_reading();
    transport.below->set_write_limits(0, 0);
    transport.is_flushing = true;
    Py_RETURN_NONE;
}

namespace {

PyObject* close(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    return is_elsewhere(transport) ? call_soon(transport, "close") : close_transport(transport);
}

PyObject* abort_with(StreamTransport& transport, PyObject* exception) {
    if (is_elsewhere(transport)) return call_soon(transport, "_force_close", exception);
    transport.is_closing = true;
    transport.is_flushing = false;
    if (!transport.below || std::exchange(transport.is_aborted, true)) Py_RETURN_NONE;
    // What asyncio would have sent as it was written is not lost here either.
    if (exception == Py_None) transport.below->flush();
    if (exception != Py_None && !transport.exception) transport.exception = Py_NewRef(exception);
    transport.below->abort();
    return end_soon(transport);
}

PyObject* abort(PyObject* self, PyObject*) { return abort_with(transport_of(self), Py_None); }

PyObject* force_close(PyObject* self, PyObject* exception) { return abort_with(transport_of(self), exception); }

PyObject* end(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    if (transport.wire) transport.wire->end();
    Py_RETURN_NONE;
}

PyObject* is_closing(PyObject* self, PyObject*) { return yes_or_no(transport_of(self).is_closing); }

PyObject* is_reading(PyObject* self, PyObject*) {
    return yes_or_no(!transport_of(self).is_closing && !transport_of(self).is_paused);
}

PyObject* pause_reading(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    if (!is_here(transport)) return nullptr;
    if (transport.is_closing || std::exchange(transport.is_paused, true)) Py_RETURN_NONE;
    if (transport.below) transport.below->pause_reading();
    Py_RETURN_NONE;
}

PyObject* resume_reading(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    if (!is_here(transport)) return nullptr;
    if (transport.is_closing || !std::exchange(transport.is_paused, false)) Py_RETURN_NONE;
    if (!transport.below || !transport.is_made) Py_RETURN_NONE;
    if (!transport.wire->holds_data()) {
        transport.below->resume_reading();
        transport.loop->touched();
        Py_RETURN_NONE;
    }
    return translated([&]() -> PyObject* {
        transport.loop->in_lane([kept = Object::borrowed(self)] {
            StreamTransport& held = transport_of(kept.get());
            if (held.wire) held.wire->deliver_held();
        });
        Py_RETURN_NONE;
    });
}

PyObject* set_protocol_method(PyObject* self, PyObject* protocol) {
    StreamTransport& transport = transport_of(self);
    if (!transport.loop) Py_RETURN_NONE;
    if (set_protocol(transport.loop->state(), transport, protocol)) return nullptr;
    Py_RETURN_NONE;
}

PyObject* get_protocol(PyObject* self, PyObject*) {
    PyObject* protocol = transport_of(self).protocol;
    return Py_NewRef(protocol ? protocol : Py_None);
}

PyObject* get_write_buffer_size(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    if (!transport.below) return PyLong_FromLong(0);
    if (!is_elsewhere(transport))
        transport.below->flush();  // nobody knows yet what of this turn's bytes the system takes
    return PyLong_FromUnsignedLongLong(transport.below->queued());
}

PyObject* get_write_buffer_limits(PyObject* self, PyObject*) {
    return Py_BuildValue("(II)", transport_of(self).low, transport_of(self).high);
}

PyObject* set_write_buffer_limits(PyObject* self, PyObject* args, PyObject* keywords) {
    static const char* const names[] = {"high", "low", nullptr};
    PyObject *high_object = Py_None, *low_object = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO", const_cast<char**>(names), &high_object, &low_object))
        return nullptr;
    long long low = low_object == Py_None ? -1 : PyLong_AsLongLong(low_object);
    if (PyErr_Occurred()) return nullptr;
    long long high = kHigh;
    if (high_object != Py_None) {
        high = PyLong_AsLongLong(high_object);
    } else if (low_object != Py_None) {
        high = 4 * low;
    }
    if (PyErr_Occurred()) return nullptr;
    if (low_object == Py_None) low = high / 4;
    if (high < low || low < 0)
        return PyErr_Format(PyExc_ValueError, "high (%lld) must be >= low (%lld) must be >= 0", high, low);
    StreamTransport& transport = transport_of(self);
    if (!is_here(transport)) return nullptr;
    transport.high = static_cast<uint32_t>(std::min<long long>(high, UINT32_MAX));
    transport.low = static_cast<uint32_t>(std::min<long long>(low, UINT32_MAX));
    if (!transport.below || transport.empty_waiter) Py_RETURN_NONE;
    return translated([&]() -> PyObject* {
        transport.below->set_write_limits(transport.high, transport.low);
        if (transport.is_made && !transport.is_closing) return check_high_mark(transport);
        Py_RETURN_NONE;
    });
}

// A future that is done when nothing is queued any more; until _reset_empty_waiter() nothing may be written.
PyObject* make_empty_waiter(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    if (!is_here(transport)) return nullptr;
    if (transport.empty_waiter) return PyErr_SetString(PyExc_RuntimeError, "Empty waiter is already set"), nullptr;
    const Object waiter = Object::owned(PyObject_CallMethod(transport.loop_object, "create_future", nullptr));
    if (!waiter) return nullptr;
    transport.empty_waiter = Py_NewRef(waiter.get());
    if (transport.below) transport.below->flush();
    if (!transport.below || transport.below->queued() == 0) {
        settle_empty_waiter(transport, nullptr);
    } else {
        transport.below->set_write_limits(0, 0);
    }
    return PyErr_Occurred() ? nullptr : Py_NewRef(waiter.get());
}

PyObject* reset_empty_waiter(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    if (!is_here(transport)) return nullptr;
    Py_CLEAR(transport.empty_waiter);
    if (transport.below) transport.below->set_write_limits(transport.high, transport.low);
    Py_RETURN_NONE;
}

PyObject* begin(PyObject* self, PyObject*) {
    StreamTransport& transport = transport_of(self);
    if (transport.wire) transport.wire->begin();
    Py_RETURN_NONE;
}

// The socket.socket for the descriptor, made when somebody asks; None when there is none.
PyObject* socket_view(StreamTransport& transport) {
    if (transport.socket_view) return Py_NewRef(transport.socket_view);
    if (!transport.loop || !transport.below) Py_RETURN_NONE;
    if (transport.fd < 0) {  // in a world
        transport.socket_view = PyObject_CallMethod(transport.loop_object, "_socket_for", "O", transport.object());
        return Py_XNewRef(transport.socket_view);
    }
    State& state = transport.loop->state();
    if (!transport.socket) {
        const Object keywords = Object::owned(Py_BuildValue("{s:i}", "fileno", transport.fd));
        if (!keywords) return nullptr;
        transport.socket = PyObject_Call(state.socket_class, state.empty_tuple, keywords.get());
        if (!transport.socket) return nullptr;
    }
    transport.socket_view = PyObject_CallOneArg(state.transport_socket, transport.socket);
    return Py_XNewRef(transport.socket_view);
}

PyObject* name(StreamTransport& transport, PyObject*& kept, bool local) {
    if (kept) return Py_NewRef(kept);
    if (!transport.below) Py_RETURN_NONE;
    return translated([&]() -> PyObject* {
        const Address here = transport.below->local_address();
        const Address there = transport.below->peer_address();
        kept = name_of(local ? here : there, !here.is_ip() && !there.is_ip()).release();
        return Py_XNewRef(kept);
    });
}

// What the system knows. Null without an error for other names.
PyObject* socket_info(StreamTransport& transport, PyObject* key) {
    if (PyUnicode_CompareWithASCIIString(key, "socket") == 0) return socket_view(transport);
    if (PyUnicode_CompareWithASCIIString(key, "peername") == 0) return name(transport, transport.peer_name, false);
    if (PyUnicode_CompareWithASCIIString(key, "sockname") == 0) return name(transport, transport.local_name, true);
    return nullptr;
}

PyObject* get_extra_info(PyObject* self, PyObject* args, PyObject* keywords) {
    static const char* const names[] = {"name", "default", nullptr};
    PyObject *key = nullptr, *otherwise = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "U|O", const_cast<char**>(names), &key, &otherwise))
        return nullptr;
    StreamTransport& transport = transport_of(self);
    if (transport.extra) {
        PyObject* found = PyDict_GetItemWithError(transport.extra, key);
        if (found || PyErr_Occurred()) return Py_XNewRef(found);
    }
    PyObject* found = socket_info(transport, key);
    if (!found && !PyErr_Occurred() && transport.below) found = tls_info(*transport.below, key);
    return found || PyErr_Occurred() ? found : Py_NewRef(otherwise);
}

PyObject* represent(PyObject* self) {
    StreamTransport& transport = transport_of(self);
    const char* state = !transport.below ? " closed" : transport.is_closing ? " closing" : "";
    const char* reads = transport.is_closing || transport.is_paused ? "idle" : "polling";
    const unsigned long long queued = transport.below ? transport.below->queued() : 0;
    return PyUnicode_FromFormat("<bine.StreamTransport%s fd=%d read=%s write=<%s, bufsize=%llu>>", state, transport.fd,
                                reads, queued > 0 ? "polling" : "idle", queued);
}

PyObject* get_loop(PyObject* self, void*) {
    StreamTransport& transport = transport_of(self);
    return Py_NewRef(transport.loop && transport.loop_object ? transport.loop_object : Py_None);
}
PyObject* get_protocol_paused(PyObject* self, void*) { return yes_or_no(transport_of(self).is_protocol_paused); }
PyObject* get_secure(PyObject* self, void*) {
    const bine::Transport* below = transport_of(self).below;
    return yes_or_no(below && tls::session_of(*below));
}
// What waits for the end of the turn, too.
PyObject* get_queued(PyObject* self, void*) {
    const bine::Transport* below = transport_of(self).below;
    return PyLong_FromUnsignedLongLong(below ? below->queued() : 0);
}
PyObject* get_closing(PyObject* self, void*) { return yes_or_no(transport_of(self).is_closing); }
PyObject* get_paused(PyObject* self, void*) { return yes_or_no(transport_of(self).is_paused); }
PyObject* get_context(PyObject* self, void*) {
    PyObject* context = transport_of(self).context;
    return Py_NewRef(context ? context : Py_None);
}

template <class F>
void visit_references(StreamTransport& transport, F&& visit) {
    visit(transport.loop_object);
    visit(transport.protocol);
    visit(transport.receive);
    visit(transport.context);
    visit(transport.server);
    visit(transport.waiter);
    visit(transport.extra);
    visit(transport.socket);
    visit(transport.socket_view);
    visit(transport.local_name);
    visit(transport.peer_name);
    visit(transport.exception);
    visit(transport.empty_waiter);
    visit(transport.dictionary);
}

// The fields of asyncio's base class, which are Python's slots: five of them between the head and our state.
PyObject** base_slots(PyObject* self) noexcept {
    return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + sizeof(PyObject));
}
std::size_t base_slot_count() noexcept {
    return (static_cast<std::size_t>(StreamTransport::offset) - sizeof(PyObject)) / sizeof(PyObject*);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    int stop = 0;
    visit_references(transport_of(self), [&](PyObject* object) {
        if (object && stop == 0) stop = visit(object, arg);
    });
    for (std::size_t i = 0; i < base_slot_count(); ++i) Py_VISIT(base_slots(self)[i]);
    return stop;
}

int clear(PyObject* self) {
    visit_references(transport_of(self), [](PyObject*& object) { Py_CLEAR(object); });
    for (std::size_t i = 0; i < base_slot_count(); ++i) Py_CLEAR(base_slots(self)[i]);
    return 0;
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (transport_of(self).weak_references) PyObject_ClearWeakRefs(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

template <class F>
PyCFunction function(F method) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method));
}
constexpr int kKeywords = METH_VARARGS | METH_KEYWORDS;

PyMethodDef methods[] = {
    {"write", write, METH_O,
     "write($self, data, /)\n--\n\n"
     "Queue bytes to be sent; they leave at the end of the loop's turn."},
    {"writelines", writelines, METH_O, "writelines($self, pieces, /)\n--\n\nQueue several pieces at once."},
    {"write_eof", write_eof, METH_NOARGS,
     "write_eof($self, /)\n--\n\nEnd our direction when what is queued has been sent."},
    {"can_write_eof", can_write_eof, METH_NOARGS,
     "can_write_eof($self, /)\n--\n\nTrue: one direction can end without the other, over TLS as well."},
    {"close", close, METH_NOARGS, "close($self, /)\n--\n\nClose when what is queued has been sent."},
    {"abort", abort, METH_NOARGS, "abort($self, /)\n--\n\nClose at once; what the system does not take at once is lost."},
    {"_force_close", force_close, METH_O, nullptr},
    {"is_closing", is_closing, METH_NOARGS,
     "is_closing($self, /)\n--\n\n"
     "Whether it is closed, or will be when what is queued has been sent."},
    {"is_reading", is_reading, METH_NOARGS, "is_reading($self, /)\n--\n\nWhether it receives."},
    {"pause_reading", pause_reading, METH_NOARGS,
     "pause_reading($self, /)\n--\n\nReceive nothing until resume_reading()."},
    {"resume_reading", resume_reading, METH_NOARGS, "resume_reading($self, /)\n--\n\nReceive again."},
    {"set_protocol", set_protocol_method, METH_O,
     "set_protocol($self, protocol, /)\n--\n\nTell another protocol from now on."},
    {"get_protocol", get_protocol, METH_NOARGS, "get_protocol($self, /)\n--\n\nWho is told of what comes."},
    {"get_write_buffer_size", get_write_buffer_size, METH_NOARGS,
     "get_write_buffer_size($self, /)\n--\n\nBytes that wait to be handed to the system."},
    {"get_write_buffer_limits", get_write_buffer_limits, METH_NOARGS,
     "get_write_buffer_limits($self, /)\n--\n\n(low, high), in bytes: see set_write_buffer_limits()."},
    {"set_write_buffer_limits", function(set_write_buffer_limits), kKeywords,
     "set_write_buffer_limits($self, high=None, low=None)\n--\n\n"
     "The protocol's pause_writing() is called when more than `high` bytes wait, resume_writing() when no more than `low` do."},
    {"get_extra_info", function(get_extra_info), kKeywords,
     "get_extra_info($self, name, default=None)\n--\n\n"
     "What is known of the connection: \"peername\", \"sockname\", \"socket\"; over bine's TLS \"version\", \"cipher\" and others."},
    {"_make_empty_waiter", make_empty_waiter, METH_NOARGS, nullptr},
    {"_reset_empty_waiter", reset_empty_waiter, METH_NOARGS, nullptr},
    {"_begin", begin, METH_NOARGS, nullptr},
    {"_end", end, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef attributes[] = {
    {"_loop", get_loop, nullptr, nullptr, nullptr},
    {"_protocol_paused", get_protocol_paused, nullptr, nullptr, nullptr},
    {"_queued", get_queued, nullptr, nullptr, nullptr},
    {"_closing", get_closing, nullptr, nullptr, nullptr},
    {"_paused", get_paused, nullptr, nullptr, nullptr},
    {"_context", get_context, nullptr, nullptr, nullptr},
    {"_is_secure", get_secure, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

// The type's class attributes that asyncio asks transports for.
int set_abilities(PyTypeObject* type) {
    const Object constants = Object::owned(PyImport_ImportModule("asyncio.constants"));
    const Object modes = constants ? Object::owned(PyObject_GetAttrString(constants.get(), "_SendfileMode")) : Object();
    const Object native = modes ? Object::owned(PyObject_GetAttrString(modes.get(), "TRY_NATIVE")) : Object();
    auto* object = reinterpret_cast<PyObject*>(type);
    if (!native || PyObject_SetAttrString(object, "_sendfile_compatible", native.get()) < 0) return -1;
    return PyObject_SetAttrString(object, "_start_tls_compatible", Py_True);
}

template <class F>
void* slot(F pointer) {
    return reinterpret_cast<void*>(pointer);
}

}  // namespace

int add_transport_type(PyObject* module, State& state) {
    auto* base = reinterpret_cast<PyTypeObject*>(state.flow_control);
    StreamTransport::offset = base->tp_basicsize;
    PyMemberDef members[] = {
        {"__weaklistoffset__", T_PYSSIZET,
         StreamTransport::offset + static_cast<Py_ssize_t>(offsetof(StreamTransport, weak_references)), READONLY,
         nullptr},
        {"__dictoffset__", T_PYSSIZET,
         StreamTransport::offset + static_cast<Py_ssize_t>(offsetof(StreamTransport, dictionary)), READONLY, nullptr},
        {nullptr, 0, 0, 0, nullptr},
    };
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("asyncio's transport on bine's reactor: TCP, Unix, TLS.")},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_traverse, slot(traverse)},
        {Py_tp_clear, slot(clear)},
        {Py_tp_repr, slot(represent)},
        {Py_tp_methods, methods},
        {Py_tp_getset, attributes},
        {Py_tp_members, members},
        {0, nullptr},
    };
    constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec spec{"bine.StreamTransport",
                     static_cast<int>(StreamTransport::offset + static_cast<Py_ssize_t>(sizeof(StreamTransport))), 0,
                     kFlags, slots};
    const Object bases = Object::owned(PyTuple_Pack(1, state.flow_control));
    if (!bases) return -1;
    state.transport_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, bases.get()));
    if (!state.transport_type || set_abilities(state.transport_type) < 0) return -1;
    return PyModule_AddType(module, state.transport_type);
}

}  // namespace bine::python
