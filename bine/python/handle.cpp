#include "bine/python/handle.h"

#include <structmember.h>

#include <algorithm>

#include "bine/python/loop.h"

namespace bine::python {

void forget_call(Handle& handle) noexcept {
    Py_CLEAR(handle.callback);
    for (int i = 1; i <= handle.count; ++i) Py_CLEAR(handle.slots[i]);
    handle.count = 0;
    Py_CLEAR(handle.many);
    Py_CLEAR(handle.context);
}

int visit_handle(Handle& handle, visitproc visit, void* arg) {
    if (Py_REFCNT(handle.object()) != 1) return 0;
    Py_VISIT(handle.loop);
    Py_VISIT(handle.callback);
    Py_VISIT(handle.context);
    Py_VISIT(handle.source_traceback);
    for (int i = 1; i <= handle.count; ++i) Py_VISIT(handle.slots[i]);
    Py_VISIT(handle.many);
    return 0;
}

namespace {

// -1 with an error set.
int fill(Handle& handle, PyObject* loop, PyObject* callback, PyObject* const* arguments, Py_ssize_t count,
         PyObject* context) {
    handle.loop = Py_NewRef(loop);
    handle.callback = Py_NewRef(callback);
    if (count <= Handle::kInPlace) {
        handle.count = static_cast<uint8_t>(count);
        for (Py_ssize_t i = 0; i < count; ++i) handle.slots[1 + i] = Py_NewRef(arguments[i]);
    } else {
        handle.many = PyTuple_New(count);
        if (!handle.many) return -1;
        for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(handle.many, i, Py_NewRef(arguments[i]));
    }
    handle.context = context ? Py_NewRef(context) : PyContext_CopyCurrent();
    return handle.context ? 0 : -1;
}

// Zero but for the object's head.
template <class T>
T* allocate(PyTypeObject* type) {
    auto* made = PyObject_New(T, type);
    if (made) std::fill(reinterpret_cast<char*>(made) + sizeof(PyObject), reinterpret_cast<char*>(made + 1), '\0');
    return made;
}

Handle* allocate_handle(State& state) {
    if (!state.spare_handles) return allocate<Handle>(state.handle_type);
    auto* spare = reinterpret_cast<Handle*>(state.spare_handles);
    state.spare_handles = std::exchange(spare->loop, nullptr);
    --state.spare_handle_count;
    PyObject_Init(spare->object(), state.handle_type);
    return spare;
}

}  // namespace

Handle* make_handle(State& state, PyObject* loop, PyObject* callback, PyObject* const* arguments, Py_ssize_t count,
                    PyObject* context) {
    Handle* handle = allocate_handle(state);
    if (!handle) return nullptr;
    if (fill(*handle, loop, callback, arguments, count, context) < 0) {
        Py_DECREF(handle->object());
        return nullptr;
    }
    return handle;
}

TimerHandle* make_timer_handle(State& state, PyObject* loop, double when, PyObject* callback,
                               PyObject* const* arguments, Py_ssize_t count, PyObject* context) {
    auto* handle = allocate<TimerHandle>(state.timer_handle_type);
    if (!handle) return nullptr;
    handle->base.is_timer = true;
    handle->when = when;
    new (&handle->alarm) TimerHandle::Alarm(*handle);
    if (fill(handle->base, loop, callback, arguments, count, context) < 0) {
        Py_DECREF(handle->base.object());
        return nullptr;
    }
    return handle;
}

PyObject* run_handle(Handle& handle) {
    if (PyContext_Enter(handle.context) < 0) return nullptr;
    handle.is_running = true;
    PyObject* result = handle.many ? PyObject_Call(handle.callback, handle.many, nullptr)
                                   : PyObject_Vectorcall(handle.callback, handle.slots + 1,
                                                         handle.count | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
    handle.is_running = false;
    // A callback may have cancelled its own handle, which keeps the context for this.
    if (PyContext_Exit(handle.context) < 0) Py_CLEAR(result);
    return result;
}

void cancel_handle(Handle& handle) noexcept {
    if (std::exchange(handle.is_cancelled, true)) return;
    if (handle.is_timer) {
        auto& timer = reinterpret_cast<TimerHandle&>(handle);
        if (timer.queue) timer.queue->disarm(timer);
    }
    // Who keeps a handle is often what it calls.
    if (!handle.is_running) forget_call(handle);
}

namespace {

Handle& handle_of(PyObject* self) noexcept { return *reinterpret_cast<Handle*>(self); }

PyObject* cancel(PyObject* self, PyObject*) {
    Py_INCREF(self);  // being armed may have been all that kept it
    cancel_handle(handle_of(self));
    Py_DECREF(self);
    Py_RETURN_NONE;
}

PyObject* cancelled(PyObject* self, PyObject*) { return PyBool_FromLong(handle_of(self).is_cancelled); }

PyObject* get_context(PyObject* self, PyObject*) {
    PyObject* context = handle_of(self).context;
    return Py_NewRef(context ? context : Py_None);
}

// For what runs handles by itself, as asyncio's own code does.
PyObject* run(PyObject* self, PyObject*) {
    Handle& handle = handle_of(self);
    if (handle.is_cancelled || !handle.callback) Py_RETURN_NONE;
    const Object kept = Object::borrowed(self);
    Object result = Object::owned(run_handle(handle));
    if (!result && loop_of(handle.loop).callback_failed(self) < 0) return nullptr;
    if (!handle.is_kept || handle.is_cancelled) forget_call(handle);
    Py_RETURN_NONE;
}

PyObject* arguments_of(Handle& handle) {
    if (handle.many) return Py_NewRef(handle.many);
    PyObject* tuple = PyTuple_New(handle.count);
    for (Py_ssize_t i = 0; tuple && i < handle.count; ++i) PyTuple_SET_ITEM(tuple, i, Py_NewRef(handle.slots[1 + i]));
    return tuple;
}

PyObject* get_callback(PyObject* self, void*) {
    PyObject* callback = handle_of(self).is_cancelled ? nullptr : handle_of(self).callback;
    return Py_NewRef(callback ? callback : Py_None);
}

PyObject* get_args(PyObject* self, void*) {
    if (handle_of(self).is_cancelled || !handle_of(self).callback) Py_RETURN_NONE;
    return arguments_of(handle_of(self));
}

PyObject* represent(PyObject* self) {
    Handle& handle = handle_of(self);
    const char* name = handle.is_timer ? "TimerHandle" : "Handle";
    if (handle.is_cancelled || !handle.callback)
        return PyUnicode_FromFormat("<%s %s>", name, handle.is_cancelled ? "cancelled" : "done");
    if (!handle.is_timer) return PyUnicode_FromFormat("<%s %R>", name, handle.callback);
    const Object when = Object::owned(PyFloat_FromDouble(reinterpret_cast<TimerHandle*>(self)->when));
    return when ? PyUnicode_FromFormat("<%s when=%R %R>", name, when.get(), handle.callback) : nullptr;
}

PyObject* when(PyObject* self, PyObject*) { return PyFloat_FromDouble(reinterpret_cast<TimerHandle*>(self)->when); }

void deallocate(PyObject* self) {
    Handle& handle = handle_of(self);
    PyTypeObject* type = Py_TYPE(self);
    if (handle.weak_references) PyObject_ClearWeakRefs(self);
    forget_call(handle);
    Py_CLEAR(handle.source_traceback);
    Py_CLEAR(handle.loop);
    State& state = state_of(type);
    if (type == state.handle_type && state.spare_handle_count < State::kSpareHandles) {
        handle.is_cancelled = handle.is_kept = handle.is_running = false;
        handle.loop = std::exchange(state.spare_handles, self);
        ++state.spare_handle_count;
    } else {
        if (type == state.timer_handle_type) reinterpret_cast<TimerHandle*>(self)->alarm.~Alarm();
        PyObject_Free(self);
    }
    Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"cancel", cancel, METH_NOARGS,
     "cancel($self, /)\n--\n\nCancel the callback. Does nothing when it has run or was cancelled already."},
    {"cancelled", cancelled, METH_NOARGS, "cancelled($self, /)\n--\n\nWhether the callback was cancelled."},
    {"get_context", get_context, METH_NOARGS,
     "get_context($self, /)\n--\n\nThe contextvars.Context that the callback runs in."},
    {"_run", run, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyMethodDef timer_methods[] = {
    {"when", when, METH_NOARGS, "when($self, /)\n--\n\nWhen the callback is due, on the clock of loop.time()."},
    {nullptr, nullptr, 0, nullptr},
};
PyObject* is_scheduled(PyObject* self, void*) {
    return PyBool_FromLong(reinterpret_cast<TimerHandle*>(self)->queue != nullptr);
}
PyObject* get_when(PyObject* self, void*) { return when(self, nullptr); }
PyGetSetDef timer_attributes[] = {
    {"_when", get_when, nullptr, nullptr, nullptr},
    {"_scheduled", is_scheduled, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyGetSetDef attributes[] = {
    {"_callback", get_callback, nullptr, nullptr, nullptr},
    {"_args", get_args, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMemberDef members[] = {
    {"_cancelled", T_BOOL, offsetof(Handle, is_cancelled), READONLY, nullptr},
    {"_loop", T_OBJECT, offsetof(Handle, loop), READONLY, nullptr},
    {"_context", T_OBJECT, offsetof(Handle, context), READONLY, nullptr},
    {"_source_traceback", T_OBJECT, offsetof(Handle, source_traceback), 0, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Handle, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

template <class F>
void* slot(F function) {
    return reinterpret_cast<void*>(function);
}

}  // namespace

void free_spare_handles(State& state) noexcept {
    while (PyObject* spare = state.spare_handles) {
        state.spare_handles = std::exchange(handle_of(spare).loop, nullptr);
        PyObject_Free(spare);
    }
    state.spare_handle_count = 0;
}

int add_handle_types(PyObject* module, State& state) {
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("A callback that a loop will call, as asyncio.Handle.")},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_repr, slot(represent)},
        {Py_tp_methods, methods},
        {Py_tp_getset, attributes},
        {Py_tp_members, members},
        {0, nullptr},
    };
    constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec spec{"bine.Handle", sizeof(Handle), 0, kFlags | Py_TPFLAGS_BASETYPE, slots};
    state.handle_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
    if (!state.handle_type) return -1;

    PyType_Slot timer_slots[] = {
        {Py_tp_doc, const_cast<char*>("A callback that a loop will call at a time, as asyncio.TimerHandle.")},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_methods, timer_methods},
        {Py_tp_getset, timer_attributes},
        {0, nullptr},
    };
    PyType_Spec timer_spec{"bine.TimerHandle", sizeof(TimerHandle), 0, kFlags, timer_slots};
    const Object bases = Object::owned(PyTuple_Pack(1, state.handle_type));
    if (!bases) return -1;
    state.timer_handle_type =
        reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &timer_spec, bases.get()));
    if (!state.timer_handle_type) return -1;
    if (PyModule_AddType(module, state.handle_type) < 0) return -1;
    return PyModule_AddType(module, state.timer_handle_type);
}

}  // namespace bine::python
