// The Python type of the loop: what asyncio's users and asyncio itself call. What is not here is plain Python.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "bine/driver/drivers.h"
#include "bine/python/incoming.h"
#include "bine/python/loop.h"
#include "bine/python/stream_transport.h"
#include "bine/python/tls_context.h"
#include "bine/python/watch.h"
#include "bine/python/world.h"

namespace bine::python {

namespace {

struct LoopObject {
    PyObject_HEAD Loop* loop;
};

LoopObject& object_of(PyObject* self) noexcept { return *reinterpret_cast<LoopObject*>(self); }

bool check_open(PyObject* self) {
    Loop* loop = object_of(self).loop;
    if (loop && !loop->is_closed()) return true;
    PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
    return false;
}

// What touches the reactor is for the loop's thread.
bool check_mine(PyObject* self) { return check_open(self) && !object_of(self).loop->refuses_thread(); }

// Tasks give the name as a string of their own, which is another one than ours.
bool is_context(State& state, PyObject* name) {
    if (name == state.context) return true;
    if (!PyUnicode_IS_COMPACT_ASCII(name)) return PyUnicode_Compare(name, state.context) == 0;
    const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(name));
    return std::string_view(static_cast<const char*>(PyUnicode_DATA(name)), size) == "context";
}

// The context of a `context=` argument, the only keyword there is; None and its absence are null. False with an error set.
bool read_context(State& state, PyObject* const* values, PyObject* names, PyObject** context) {
    *context = nullptr;
    const Py_ssize_t count = names ? PyTuple_GET_SIZE(names) : 0;
    for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* name = PyTuple_GET_ITEM(names, i);
        if (!is_context(state, name)) {
            PyErr_Format(PyExc_TypeError, "unexpected keyword argument %R", name);
            return false;
        }
        if (values[i] != Py_None) *context = values[i];
    }
    return true;
}

bool check_count(const char* what, Py_ssize_t given, Py_ssize_t least) {
    if (given >= least) return true;
    PyErr_Format(PyExc_TypeError, "%s expected at least %zd arguments, got %zd", what, least, given);
    return false;
}

// In debug mode handles are asyncio's own, which remember where they were made: a method in Python makes them.
using Method = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

// asyncio lets what comes first be named, too. Calls the method anew with those that are named in their places.
PyObject* call_in_place(Method method, const char* what, std::initializer_list<const char*> parameters, PyObject* self,
                        PyObject* const* args, Py_ssize_t count, PyObject* names) {
    return translated([&]() -> PyObject* {
        std::vector<PyObject*> values(args, args + count);
        std::vector<PyObject*> others;
        const Object left = Object::owned(PyList_New(0));
        for (Py_ssize_t i = 0; left && i < PyTuple_GET_SIZE(names); ++i) {
            PyObject* const name = PyTuple_GET_ITEM(names, i);
            const std::size_t place = values.size();
            if (place < parameters.size() && PyUnicode_CompareWithASCIIString(name, parameters.begin()[place]) == 0) {
                values.push_back(args[count + i]);
            } else if (PyList_Append(left.get(), name) == 0) {
                others.push_back(args[count + i]);
            }
        }
        const auto placed = static_cast<Py_ssize_t>(values.size());
        const Object rest = Object::owned(left ? PyList_AsTuple(left.get()) : nullptr);
        const auto least = static_cast<Py_ssize_t>(parameters.size());
        if (!rest || (placed == count && !check_count(what, count, least))) return nullptr;
        values.insert(values.end(), others.begin(), others.end());
        return method(self, values.data(), placed, rest.get());
    });
}

PyObject* call_in_debug_mode(PyObject* self, PyObject* method, PyObject* first, PyObject* callback,
                             PyObject* const* args, Py_ssize_t count, PyObject* context) {
    const Object tuple = Object::owned(PyTuple_New(count));
    if (!tuple) return nullptr;
    for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(args[i]));
    return PyObject_CallMethodObjArgs(self, method, first, callback, tuple.get(), context ? context : Py_None, nullptr);
}

PyObject* queue_call(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names, bool from_thread) {
    Loop* loop = object_of(self).loop;
    PyObject* context = nullptr;
    if (!check_count("call_soon", count, 1) || !check_open(self)) return nullptr;
    if (!read_context(loop->state(), args + count, names, &context)) return nullptr;
    if (loop->debug)
        return call_in_debug_mode(self, loop->state().call_soon_debug, from_thread ? Py_True : Py_False, args[0],
                                  args + 1, count - 1, context);
    Handle* handle = make_handle(loop->state(), self, args[0], args + 1, count - 1, context);
    if (!handle) return nullptr;
    Py_INCREF(handle->object());
    return translated([&] {
        from_thread ? loop->append_from_thread(handle->object()) : loop->append(handle->object());
        return handle->object();
    });
}

PyObject* call_soon(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (count < 1 && names) return call_in_place(call_soon, "call_soon", {"callback"}, self, args, count, names);
    return queue_call(self, args, count, names, false);
}

PyObject* call_soon_threadsafe(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (count < 1 && names)
        return call_in_place(call_soon_threadsafe, "call_soon_threadsafe", {"callback"}, self, args, count, names);
    return queue_call(self, args, count, names, true);
}

PyObject* arm_timer(PyObject* self, double when, PyObject* const* args, Py_ssize_t count, PyObject* context) {
    Loop* loop = object_of(self).loop;
    TimerHandle* handle = make_timer_handle(loop->state(), self, when, args[0], args + 1, count - 1, context);
    if (handle) loop->arm(*handle);
    return handle ? handle->base.object() : nullptr;
}

PyObject* queue_timer(PyObject* self, double when, PyObject* const* args, Py_ssize_t count, PyObject* context) {
    Loop* loop = object_of(self).loop;
    if (!loop->debug) return arm_timer(self, when, args, count, context);
    const Object time = Object::owned(PyFloat_FromDouble(when));
    if (!time) return nullptr;
    return call_in_debug_mode(self, loop->state().call_at_debug, time.get(), args[0], args + 1, count - 1, context);
}

// _arm(when, callback): a timer of the loop's own also in debug mode.
PyObject* arm(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    if (!check_count("_arm", count, 2) || !check_open(self)) return nullptr;
    const double when = PyFloat_AsDouble(args[0]);
    if (when == -1 && PyErr_Occurred()) return nullptr;
    return arm_timer(self, when, args + 1, count - 1, nullptr);
}

PyObject* call_at(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (count < 2 && names) return call_in_place(call_at, "call_at", {"when", "callback"}, self, args, count, names);
    PyObject* context = nullptr;
    if (!check_count("call_at", count, 2) || !check_open(self)) return nullptr;
    if (!read_context(object_of(self).loop->state(), args + count, names, &context)) return nullptr;
    if (args[0] == Py_None) return PyErr_SetString(PyExc_TypeError, "when cannot be None"), nullptr;
    const double when = PyFloat_AsDouble(args[0]);
    if (when == -1 && PyErr_Occurred()) return nullptr;
    return queue_timer(self, when, args + 1, count - 1, context);
}

PyObject* call_later(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (count < 2 && names)
        return call_in_place(call_later, "call_later", {"delay", "callback"}, self, args, count, names);
    PyObject* context = nullptr;
    if (!check_count("call_later", count, 2) || !check_open(self)) return nullptr;
    if (!read_context(object_of(self).loop->state(), args + count, names, &context)) return nullptr;
    if (args[0] == Py_None) return PyErr_SetString(PyExc_TypeError, "delay must not be None"), nullptr;
    const double delay = PyFloat_AsDouble(args[0]);
    if (delay == -1 && PyErr_Occurred()) return nullptr;
    const double now = object_of(self).loop->read_time();
    if (std::isnan(now)) return nullptr;
    return queue_timer(self, now + delay, args + 1, count - 1, context);
}

// A callable, so that a test can put another in its place: timers then follow that one.
PyObject* read_clock(PyObject* self, PyObject*) {
    Loop* loop = object_of(self).loop;
    return check_open(self) ? PyFloat_FromDouble(loop->time()) : nullptr;
}

PyMethodDef clock_method = {"time", read_clock, METH_NOARGS,
                            "Seconds on the loop's clock, which is that of time.monotonic()."};

PyObject* get_time(PyObject* self, void*) {
    Loop* loop = object_of(self).loop;
    if (loop && loop->time_function()) return Py_NewRef(loop->time_function());
    return PyCFunction_New(&clock_method, self);
}

int set_time(PyObject* self, PyObject* value, void*) {
    if (!check_open(self)) return -1;
    object_of(self).loop->set_time_function(Object::borrowed(value));
    return 0;
}

PyObject* stop(PyObject* self, PyObject*) {
    if (object_of(self).loop) object_of(self).loop->stop();
    Py_RETURN_NONE;
}

PyObject* run_with(PyObject* self, int (Loop::*method)()) {
    if (!check_open(self)) return nullptr;
    if ((object_of(self).loop->*method)()) return nullptr;
    Py_RETURN_NONE;
}

PyObject* run(PyObject* self, PyObject*) { return run_with(self, &Loop::run); }
PyObject* run_once(PyObject* self, PyObject*) { return run_with(self, &Loop::run_once); }

PyObject* begin_as_guest(PyObject* self, PyObject*) {
    return check_open(self) ? object_of(self).loop->begin_as_guest() : nullptr;
}

PyObject* run_ready(PyObject* self, PyObject*) {
    if (!check_open(self)) return nullptr;
    const int more = object_of(self).loop->run_ready();
    return more < 0 ? nullptr : PyBool_FromLong(more);
}

PyObject* append(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    if (!check_count("_append", count, 1) || !check_open(self)) return nullptr;
    return translated([&]() -> PyObject* {
        Loop& loop = *object_of(self).loop;
        const bool from_thread = count > 1 && args[1] == Py_True;
        from_thread ? loop.append_from_thread(Py_NewRef(args[0])) : loop.append(Py_NewRef(args[0]));
        Py_RETURN_NONE;
    });
}

// A descriptor, or an object that has one.
int descriptor_of(PyObject* object) {
    if (PyLong_Check(object)) {
        const long fd = PyLong_AsLong(object);
        if (fd == -1 && PyErr_Occurred()) return -1;
        if (fd < 0 || fd > INT_MAX) return PyErr_Format(PyExc_ValueError, "Invalid file descriptor: %R", object), -1;
        return static_cast<int>(fd);
    }
    const Object number = Object::owned(PyObject_CallMethod(object, "fileno", nullptr));
    const bool is_no_file = PyErr_ExceptionMatches(PyExc_AttributeError) || PyErr_ExceptionMatches(PyExc_TypeError) ||
                            PyErr_ExceptionMatches(PyExc_ValueError);
    if (!number && !is_no_file) return -1;
    if (!number || !PyLong_Check(number.get())) {
        PyErr_Clear();
        return PyErr_Format(PyExc_ValueError, "Invalid file object: %R", object), -1;
    }
    return descriptor_of(number.get());
}

// Of a file that may have been closed: as for asyncio, it is known by itself while it is watched.
int watched_descriptor_of(const Loop* loop, PyObject* file) {
    const int fd = descriptor_of(file);
    const int known = fd < 0 && loop ? loop->watched_as(file) : -1;
    if (known < 0) return fd;
    PyErr_Clear();
    return known;
}

// asyncio's operations on sockets of the user have a method of the loop called, with a future and the socket. Null for others.
PyObject* socket_in_use(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    if (count < 4 || !PyMethod_Check(args[1]) || PyMethod_GET_SELF(args[1]) != self) return nullptr;
    auto* const type = reinterpret_cast<PyTypeObject*>(object_of(self).loop->state().socket_class);
    const auto* const end = args + std::min<Py_ssize_t>(count, 5);
    const auto* const found =
        std::find_if(args + 3, end, [type](PyObject* one) { return PyObject_TypeCheck(one, type); });
    return found == end ? nullptr : *found;
}

PyObject* add_watch(PyObject* self, PyObject* const* args, Py_ssize_t count, bool reading) {
    if (!check_count(reading ? "add_reader" : "add_writer", count, 2) || !check_mine(self)) return nullptr;
    const int fd = descriptor_of(args[0]);
    if (fd < 0) return nullptr;
    Loop& loop = *object_of(self).loop;
    Object handle;
    if (loop.debug) {
        handle = Object::owned(
            call_in_debug_mode(self, loop.state().call_soon_debug, Py_None, args[1], args + 2, count - 2, nullptr));
    } else {
        auto* made = make_handle(loop.state(), self, args[1], args + 2, count - 2, nullptr);
        handle = Object::owned(made ? made->object() : nullptr);
    }
    if (!handle) return nullptr;
    return translated([&] {
        PyObject* const socket = socket_in_use(self, args, count);
        return reading ? loop.add_reader(fd, args[0], handle.release(), socket)
                       : loop.add_writer(fd, args[0], handle.release(), socket);
    });
}

PyObject* add_reader(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    return add_watch(self, args, count, true);
}
PyObject* add_writer(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    return add_watch(self, args, count, false);
}

PyObject* remove_watch(PyObject* self, PyObject* file, bool reading) {
    Loop* loop = object_of(self).loop;
    if (!loop || loop->is_closed()) Py_RETURN_FALSE;
    const int fd = watched_descriptor_of(loop, file);
    if (fd < 0 || loop->refuses_thread()) return nullptr;
    return PyBool_FromLong(reading ? loop->remove_reader(fd) : loop->remove_writer(fd));
}

PyObject* remove_reader(PyObject* self, PyObject* file) { return remove_watch(self, file, true); }
PyObject* remove_writer(PyObject* self, PyObject* file) { return remove_watch(self, file, false); }

// _watched(file): the handles for reading and writing; None when there are none.
PyObject* watched(PyObject* self, PyObject* file) {
    const int fd = watched_descriptor_of(object_of(self).loop, file);
    if (fd < 0 || !check_open(self)) return nullptr;
    const Watch* watch = object_of(self).loop->watch(fd);
    if (!watch) Py_RETURN_NONE;
    const auto or_none = [](PyObject* handle) { return handle ? handle : Py_None; };
    return PyTuple_Pack(2, or_none(watch->reader()), or_none(watch->writer()));
}

PyObject* ensure_fd_no_transport(PyObject* self, PyObject* file) {
    Loop* loop = object_of(self).loop;
    const int fd = watched_descriptor_of(loop, file);
    if (fd < 0) return nullptr;
    StreamTransport* transport = loop ? loop->transport_of(fd) : nullptr;
    if (!transport || transport->is_closing) Py_RETURN_NONE;
    return PyErr_Format(PyExc_RuntimeError, "File descriptor %R is used by transport %R", file, transport->object());
}

// _open_transport(sock, protocol, waiter, extra, server, tls=None, server_side=False, name=None, timeout=None)
PyObject* open_transport_method(PyObject* self, PyObject* args) {
    PyObject *socket = nullptr, *protocol = nullptr, *waiter = nullptr, *extra = nullptr, *server = nullptr;
    PyObject *context = Py_None, *name = Py_None, *timeout = Py_None;
    int is_server = 0;
    if (!PyArg_ParseTuple(args, "OOOOO|OpOO", &socket, &protocol, &waiter, &extra, &server, &context, &is_server, &name,
                          &timeout) ||
        !check_mine(self))
        return nullptr;
    const auto given = [](PyObject* object) { return object == Py_None ? nullptr : object; };
    Loop& loop = *object_of(self).loop;
    std::optional<TlsSide> tls;
    Object facts = Object::borrowed(given(extra));
    if (context != Py_None) {
        tls = TlsSide::read(loop.state(), context, is_server != 0, name, timeout);
        facts = tls ? extra_for(*tls, given(extra)) : Object();
        if (!facts) return nullptr;
    }
    StreamTransport* transport = make_transport(loop, protocol, nullptr, given(waiter), facts.get(), given(server));
    if (!transport) return nullptr;
    Object object = Object::owned(transport->object());
    if (open_transport(*transport, socket, tls ? &*tls : nullptr) < 0) return nullptr;
    if (tls) return object.release();
    const Object begin = Object::owned(PyObject_GetAttrString(object.get(), "_begin"));
    PyObject* const arguments[] = {begin.get()};
    const Object handle = begin ? Object::owned(queue_call(self, arguments, 1, nullptr, false)) : Object();
    return handle ? object.release() : nullptr;
}

// _start_tls(transport, protocol, waiter, context, server_side, name, timeout)
PyObject* start_tls_method(PyObject* self, PyObject* args) {
    PyObject *object = nullptr, *protocol = nullptr, *waiter = nullptr, *context = nullptr, *name = nullptr,
             *timeout = nullptr;
    int is_server = 0;
    State& state = object_of(self).loop->state();
    if (!PyArg_ParseTuple(args, "O!OOOpOO", state.transport_type, &object, &protocol, &waiter, &context, &is_server,
                          &name, &timeout) ||
        !check_mine(self))
        return nullptr;
    const auto tls = TlsSide::read(state, context, is_server != 0, name, timeout);
    return tls ? start_tls(StreamTransport::of(object), protocol, waiter, *tls) : nullptr;
}

// _serve(fd, make_protocol, server, tls=None, timeout=None)
PyObject* serve(PyObject* self, PyObject* args) {
    int fd = -1;
    PyObject *make_protocol = nullptr, *server = nullptr, *secure = Py_None, *timeout = Py_None;
    if (!PyArg_ParseTuple(args, "iOO|OO", &fd, &make_protocol, &server, &secure, &timeout) || !check_mine(self))
        return nullptr;
    std::optional<TlsSide> tls;
    if (secure != Py_None && !(tls = TlsSide::read(object_of(self).loop->state(), secure, true, nullptr, timeout)))
        return nullptr;
    const Object context = Object::owned(PyContext_CopyCurrent());
    if (!context) return nullptr;
    Loop& loop = *object_of(self).loop;
    return translated([&] {
        return loop.start_serving(
            fd, std::make_unique<Incoming>(loop, make_protocol, server == Py_None ? nullptr : server, context.get(),
                                           tls ? &*tls : nullptr));
    });
}

PyObject* stop_serving(PyObject* self, PyObject* number) {
    const int fd = descriptor_of(number);
    if (fd < 0) return nullptr;
    Loop* loop = object_of(self).loop;
    if (!loop || loop->is_closed()) Py_RETURN_NONE;
    if (loop->refuses_thread()) return nullptr;
    loop->stop_serving(fd);
    Py_RETURN_NONE;
}

PyObject* close(PyObject* self, PyObject*) {
    if (object_of(self).loop) object_of(self).loop->close();
    Py_RETURN_NONE;
}

PyObject* abandon(PyObject* self, PyObject*) {
    if (object_of(self).loop) object_of(self).loop->abandon();
    Py_RETURN_NONE;
}

PyObject* get_debug(PyObject* self, PyObject*) {
    return PyBool_FromLong(object_of(self).loop && object_of(self).loop->debug);
}

PyObject* set_debug_flag(PyObject* self, PyObject* value) {
    const int on = PyObject_IsTrue(value);
    if (on < 0) return nullptr;
    if (object_of(self).loop) object_of(self).loop->debug = on == 1;
    Py_RETURN_NONE;
}

PyObject* get_driver(PyObject* self, void*) {
    if (!check_open(self)) return nullptr;
    const std::string_view name = object_of(self).loop->reactor().driver_name();
    return PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
}

PyObject* get_driver_reason(PyObject* self, void*) {
    if (!check_open(self)) return nullptr;
    const std::string& reason = object_of(self).loop->reactor().driver_reason();
    return PyUnicode_FromStringAndSize(reason.data(), static_cast<Py_ssize_t>(reason.size()));
}

// _open(driver), or _open(host) in a world: what __init__ of the class in Python begins with.
PyObject* open(PyObject* self, PyTypeObject* own_type, PyObject* const* args, Py_ssize_t count, PyObject*) {
    if (!check_count("_open", count, 1)) return nullptr;
    if (object_of(self).loop) return PyErr_SetString(PyExc_RuntimeError, "the loop has been opened already"), nullptr;
    if (Reactor* host = reactor_of_host(state_of(own_type), args[0])) {
        return translated([&] {
            object_of(self).loop = new Loop(state_of(own_type), self, *host);
            return Py_NewRef(Py_None);
        });
    }
    const char* wish = PyUnicode_AsUTF8(args[0]);
    if (!wish) return nullptr;
    return translated([&]() -> PyObject* {
        const auto kind = try_driver_kind(wish);
        if (!kind) return PyErr_Format(PyExc_ValueError, "the reactor is \"%s\"; expected auto, epoll or uring", wish);
        object_of(self).loop = new Loop(state_of(own_type), self, *kind);
        Py_RETURN_NONE;
    });
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    return object_of(self).loop ? object_of(self).loop->traverse(visit, arg) : 0;
}

int clear(PyObject* self) {
    if (object_of(self).loop) object_of(self).loop->clear_references();
    return 0;
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Loop* loop = std::exchange(object_of(self).loop, nullptr);
    // At the end of an interpreter a thread that nobody waits for may be in it still.
    if (loop && !loop->is_running()) delete loop;
    type->tp_free(self);
    Py_DECREF(type);
}

template <class F>
PyCFunction function(F method) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method));
}
template <class F>
void* slot(F pointer) {
    return reinterpret_cast<void*>(pointer);
}

constexpr int kFast = METH_FASTCALL;
constexpr int kFastKeywords = METH_FASTCALL | METH_KEYWORDS;

PyMethodDef methods[] = {
    {"call_soon", function(call_soon), kFastKeywords,
     "call_soon($self, callback, *args, context=None)\n--\n\nCall callback(*args) in the next turn."},
    {"call_soon_threadsafe", function(call_soon_threadsafe), kFastKeywords,
     "call_soon_threadsafe($self, callback, *args, context=None)\n--\n\n"
     "call_soon() from any thread: wakes the loop."},
    {"call_at", function(call_at), kFastKeywords,
     "call_at($self, when, callback, *args, context=None)\n--\n\n"
     "Call callback(*args) when loop.time() has come to `when`, in seconds."},
    {"call_later", function(call_later), kFastKeywords,
     "call_later($self, delay, callback, *args, context=None)\n--\n\n"
     "Call callback(*args) `delay` seconds from now."},
    {"stop", stop, METH_NOARGS, "stop($self, /)\n--\n\nEnd run_forever() with this turn."},
    {"get_debug", get_debug, METH_NOARGS, "get_debug($self, /)\n--\n\nWhether the loop is in debug mode."},
    {"_set_debug_flag", set_debug_flag, METH_O, nullptr},
    {"_open", function(open), METH_METHOD | METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"_run", run, METH_NOARGS, nullptr},
    {"_run_once", run_once, METH_NOARGS, nullptr},
    {"_close", close, METH_NOARGS, nullptr},
    {"_abandon", abandon, METH_NOARGS, nullptr},
    {"_append", function(append), kFast, nullptr},
    {"_arm", function(arm), kFast, nullptr},
    {"_add_reader", function(add_reader), kFast, nullptr},
    {"_add_writer", function(add_writer), kFast, nullptr},
    {"_remove_reader", remove_reader, METH_O, nullptr},
    {"_remove_writer", remove_writer, METH_O, nullptr},
    {"_watched", watched, METH_O, nullptr},
    {"_ensure_fd_no_transport", ensure_fd_no_transport, METH_O, nullptr},
    {"_open_transport", open_transport_method, METH_VARARGS, nullptr},
    {"_serve", serve, METH_VARARGS, nullptr},
    {"_start_tls", start_tls_method, METH_VARARGS, nullptr},
    {"_begin_as_guest", begin_as_guest, METH_NOARGS, nullptr},
    {"_run_ready", run_ready, METH_NOARGS, nullptr},
    {"_end_serving", stop_serving, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef attributes[] = {
    {"time", get_time, set_time, "Seconds on the loop's clock. May be replaced: timers then follow the replacement.",
     nullptr},
    {"driver", get_driver, nullptr, "What moves the bytes: \"epoll\" or \"io_uring\".", nullptr},
    {"driver_reason", get_driver_reason, nullptr, "Why that one runs.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

Loop& loop_of(PyObject* object) noexcept { return *object_of(object).loop; }

int add_loop_type(PyObject* module, State& state) {
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("The part of a loop that is C++; bine.EventLoop is the whole.")},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_traverse, slot(traverse)},
        {Py_tp_clear, slot(clear)},
        {Py_tp_methods, methods},
        {Py_tp_getset, attributes},
        {0, nullptr},
    };
    PyType_Spec spec{"bine._bine.Loop", sizeof(LoopObject), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, slots};
    state.loop_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
    return state.loop_type ? PyModule_AddType(module, state.loop_type) : -1;
}

}  // namespace bine::python
