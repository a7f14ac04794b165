// The extension module bine._bine.
#include <utility>

#include "bine/base/version.h"
#include "bine/python/handle.h"
#include "bine/python/log.h"
#include "bine/python/state.h"
#include "bine/python/world.h"

namespace bine::python {

namespace {

struct Name {
    PyObject* State::* place;
    const char* text;
};
constexpr Name kNames[] = {
    {&State::data_received, "data_received"},
    {&State::eof_received, "eof_received"},
    {&State::feed_data, "feed_data"},
    {&State::stream_reader, "_stream_reader"},
    {&State::connection_made, "connection_made"},
    {&State::connection_lost, "connection_lost"},
    {&State::pause_writing, "pause_writing"},
    {&State::resume_writing, "resume_writing"},
    {&State::get_buffer, "get_buffer"},
    {&State::buffer_updated, "buffer_updated"},
    {&State::run, "_run"},
    {&State::cancelled, "cancelled"},
    {&State::set_result, "set_result"},
    {&State::attach, "_attach_transport"},
    {&State::detach_transport, "_detach_transport"},
    {&State::detach, "detach"},
    {&State::callback_failed, "_callback_failed"},
    {&State::transport_failed, "_transport_failed"},
    {&State::incoming_failed, "_incoming_failed"},
    {&State::report, "_report"},
    {&State::call_soon_debug, "_call_soon_debug"},
    {&State::call_at_debug, "_call_at_debug"},
    {&State::context, "context"},
    {&State::cancel, "cancel"},
    {&State::result, "result"},
    {&State::add_done_callback, "add_done_callback"},
    {&State::set_exception, "set_exception"},
    {&State::make_awaited, "_make_awaited"},
    {&State::start_task, "_start_task"},
};

struct Borrowed {
    PyObject* State::* place;
    const char* module;
    const char* name;
    const char* method = nullptr;
};
constexpr Borrowed kBorrowed[] = {
    {&State::flow_control, "asyncio.transports", "_FlowControlMixin"},
    {&State::buffered_protocol, "asyncio.protocols", "BufferedProtocol"},
    {&State::socket_class, "socket", "socket"},
    {&State::transport_socket, "asyncio.trsock", "TransportSocket"},
    {&State::cancelled_error, "asyncio.exceptions", "CancelledError"},
    {&State::stream_reader_class, "asyncio.streams", "StreamReader"},
    {&State::stream_feed_data, "asyncio.streams", "StreamReader", "feed_data"},
    {&State::stream_data_received, "asyncio.streams", "StreamReaderProtocol", "data_received"},
};

State& state_of_module(PyObject* module) noexcept { return *static_cast<State*>(PyModule_GetState(module)); }

int look_up(State& state) {
    for (const Name& name : kNames) {
        if (!(state.*name.place = PyUnicode_InternFromString(name.text))) return -1;
    }
    for (const Borrowed& borrowed : kBorrowed) {
        const Object module = Object::owned(PyImport_ImportModule(borrowed.module));
        Object found = module ? Object::owned(PyObject_GetAttrString(module.get(), borrowed.name)) : Object();
        if (found && borrowed.method) found = Object::owned(PyObject_GetAttrString(found.get(), borrowed.method));
        if (!(state.*borrowed.place = found.release())) return -1;
    }
    state.empty_tuple = PyTuple_New(0);
    return state.empty_tuple ? 0 : -1;
}

int execute(PyObject* module) {
    State& state = *new (PyModule_GetState(module)) State;
    if (look_up(state) < 0 || add_handle_types(module, state) < 0 || add_loop_type(module, state) < 0 ||
        add_transport_type(module, state) < 0 || add_world_type(module, state) < 0 ||
        add_host_type(module, state) < 0 || add_datagrams_type(module, state) < 0 ||
        add_tls_context_type(module, state) < 0 || add_port_type(module, state) < 0 ||
        add_http_client_types(module, state) < 0 || add_http_server_type(module, state) < 0)
        return -1;
#ifdef BINE_DEBUG
    if (add_await_probe(module) < 0) return -1;
#endif
    const std::string_view version = bine::version();
    const Object text =
        Object::owned(PyUnicode_FromStringAndSize(version.data(), static_cast<Py_ssize_t>(version.size())));
    return text ? PyModule_AddObjectRef(module, "version", text.get()) : -1;
}

constexpr PyTypeObject* State::* kTypes[] = {
    &State::loop_type,  &State::handle_type,      &State::timer_handle_type, &State::transport_type,
    &State::world_type, &State::host_type,        &State::datagrams_type,    &State::tls_context_type,
    &State::port_type,  &State::http_client_type, &State::http_body_type,    &State::http_server_type};

template <class F>
void for_each_object(State& state, F&& use) {
    for (const Name& name : kNames) use(state.*name.place);
    for (const Borrowed& borrowed : kBorrowed) use(state.*borrowed.place);
    use(state.empty_tuple);
}

int traverse(PyObject* module, visitproc visit, void* arg) {
    State& state = state_of_module(module);
    int stop = 0;
    for_each_object(state, [&](PyObject* object) {
        if (object && stop == 0) stop = visit(object, arg);
    });
    for (const auto type : kTypes) {
        auto* object = reinterpret_cast<PyObject*>(state.*type);
        if (object && stop == 0) stop = visit(object, arg);
    }
    return stop;
}

int clear(PyObject* module) {
    State& state = state_of_module(module);
    free_spare_handles(state);
    for_each_object(state, [](PyObject*& object) { Py_CLEAR(object); });
    for (const auto type : kTypes) Py_XDECREF(std::exchange(state.*type, nullptr));
    return 0;
}

void free_module(void* module) { (void)clear(static_cast<PyObject*>(module)); }

PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(execute)},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, nullptr},
};

PyMethodDef functions[] = {
    {"_set_log", set_log, METH_O, nullptr},
    {"_shrink", shrink, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "bine._bine",
    "bine's reactor for Python: the C++ under the package bine.",
    sizeof(State),
    functions,
    module_slots,
    traverse,
    clear,
    free_module,
};

}  // namespace

State& state_of(PyTypeObject* type) noexcept { return *static_cast<State*>(PyType_GetModuleState(type)); }

}  // namespace bine::python

PyMODINIT_FUNC PyInit__bine() { return PyModuleDef_Init(&bine::python::definition); }
