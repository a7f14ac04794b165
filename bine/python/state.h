// What one copy of the module knows: its types, and what it looked up once. One for each interpreter that imports it.
#pragma once

#include "bine/python/object.h"

namespace bine::python {

struct State {
    PyTypeObject* loop_type = nullptr;
    PyTypeObject* handle_type = nullptr;
    PyTypeObject* timer_handle_type = nullptr;
    PyTypeObject* transport_type = nullptr;
    PyTypeObject* world_type = nullptr;
    PyTypeObject* host_type = nullptr;
    PyTypeObject* datagrams_type = nullptr;
    PyTypeObject* tls_context_type = nullptr;
    PyTypeObject* port_type = nullptr;
    PyTypeObject* http_client_type = nullptr;
    PyTypeObject* http_body_type = nullptr;
    PyTypeObject* http_server_type = nullptr;

    // Objects of others.
    PyObject* flow_control = nullptr;          // asyncio.transports._FlowControlMixin, which transports derive from
    PyObject* buffered_protocol = nullptr;     // asyncio.BufferedProtocol
    PyObject* socket_class = nullptr;          // socket.socket
    PyObject* transport_socket = nullptr;      // asyncio.trsock.TransportSocket
    PyObject* cancelled_error = nullptr;       // asyncio.CancelledError
    PyObject* stream_reader_class = nullptr;   // asyncio.StreamReader
    PyObject* stream_feed_data = nullptr;      // its feed_data
    PyObject* stream_data_received = nullptr;  // asyncio.StreamReaderProtocol.data_received, which hands on to it
    PyObject* empty_tuple = nullptr;

    // Names.
    PyObject* data_received = nullptr;
    PyObject* eof_received = nullptr;
    PyObject* feed_data = nullptr;
    PyObject* stream_reader = nullptr;
    PyObject* connection_made = nullptr;
    PyObject* connection_lost = nullptr;
    PyObject* pause_writing = nullptr;
    PyObject* resume_writing = nullptr;
    PyObject* get_buffer = nullptr;
    PyObject* buffer_updated = nullptr;
    PyObject* run = nullptr;
    PyObject* cancelled = nullptr;
    PyObject* set_result = nullptr;
    PyObject* attach = nullptr;
    PyObject* detach_transport = nullptr;
    PyObject* detach = nullptr;
    PyObject* callback_failed = nullptr;
    PyObject* transport_failed = nullptr;
    PyObject* incoming_failed = nullptr;
    PyObject* report = nullptr;
    PyObject* call_soon_debug = nullptr;
    PyObject* call_at_debug = nullptr;
    PyObject* when = nullptr;
    PyObject* context = nullptr;
    PyObject* cancel = nullptr;
    PyObject* result = nullptr;
    PyObject* add_done_callback = nullptr;
    PyObject* set_exception = nullptr;
    PyObject* make_awaited = nullptr;
    PyObject* start_task = nullptr;

    // Handles that have run, to be used again.
    static constexpr int kSpareHandles = 1024;
    PyObject* spare_handles = nullptr;
    int spare_handle_count = 0;
};

// Of the module that `type`, one of its own, belongs to.
State& state_of(PyTypeObject* type) noexcept;

// Makes the types. Answer -1 with an error set.
int add_handle_types(PyObject* module, State& state);
int add_loop_type(PyObject* module, State& state);
int add_transport_type(PyObject* module, State& state);
int add_world_type(PyObject* module, State& state);
int add_host_type(PyObject* module, State& state);
int add_datagrams_type(PyObject* module, State& state);
int add_tls_context_type(PyObject* module, State& state);
int add_port_type(PyObject* module, State& state);
int add_http_client_types(PyObject* module, State& state);
int add_http_server_type(PyObject* module, State& state);
#ifdef BINE_DEBUG
int add_await_probe(PyObject* module);
#endif
void free_spare_handles(State& state) noexcept;

}  // namespace bine::python
