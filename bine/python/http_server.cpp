// HTTP for Python, the answering side: _bine._http_serve, which bine.http.serve wraps.
//
// Theory. Connections are of the second lane, so a request is taken apart with the GIL at hand, and its handler called from
// there. A handler is Python: called with the parts of a request, it answers, or comes to, (status, headers, body). Whatever
// ends the exchange - the client has gone, the server is closed - drops the Deferred of the handler, and that cancels its task.
#include "bine/http/router.h"
#include "bine/http/server.h"

#include "bine/base/raised.h"
#include "bine/python/await.h"
#include "bine/python/http_pieces.h"
#include "bine/python/http_text.h"
#include "bine/python/names.h"
#include "bine/python/network.h"
#include "bine/python/python_exception.h"
#include "bine/python/stream_transport.h"
#include "bine/tls/endpoints.h"

namespace bine::python {

namespace {

// A handler of Python's, and the parameters of its route.
struct Target final : Counted {
    Kept handler;
    std::vector<std::string> params;
    bool streams = false;  // the body is read by the handler, bit by bit
};

// A request as long as its handler may ask for its body. What has been read is kept until the handler takes it, so that
// nothing is lost when its wait is cancelled at the last moment.
struct Door final : Counted {
    Door(Loop& l, http::Request& r) : loop(&l), request(&r) {}
    Loop* loop;
    http::Request* request;
    std::optional<std::string> piece;
    int status = 0;  // of a body that could not be read, and why
    std::string why;
    bool is_awaited = false;
};

// Shuts the door when the handler, or the stream that it answered with, is over.
class Opened {
public:
    explicit Opened(Ref<Door> door) noexcept : door_(std::move(door)) {}
    Opened(Opened&&) noexcept = default;
    ~Opened() {
        if (door_) door_->request = nullptr;
    }
    const Ref<Door>& door() const noexcept { return door_; }

private:
    Ref<Door> door_;
};

// The next piece is there when this ends, or what went wrong.
Deferred<> fill(Ref<Door> door) {
    if (door->piece || door->status != 0) co_return;
    const Raised awaited(door->is_awaited);
    Deferred<std::string_view> read = door->request->read();
    const Result<std::string_view> piece = co_await std::move(read).as_result();
    if (piece) {
        door->piece.emplace(*piece);
        co_return;
    }
    door->status = door->request ? door->request->body_status() : 0;
    door->why = piece.error().text();
    if (door->status == 0) throw piece.error();
}

Door& door_of(PyObject* capsule) noexcept { return **static_cast<Ref<Door>*>(PyCapsule_GetPointer(capsule, nullptr)); }

PyObject* wait_for_body(PyObject* self, PyObject*) {
    Door& door = door_of(self);
    if (!door.request) return PyErr_SetString(PyExc_ConnectionError, "the request is over"), nullptr;
    if (door.is_awaited)
        return PyErr_SetString(PyExc_RuntimeError, "this body is being read already; one reads at a time"), nullptr;
    const Ref<Door> kept(&door);
    return as_future(*door.loop, [&] { return fill(kept); }, [] { return Object::borrowed(Py_None); });
}

// The piece that was waited for, empty at the end, or (status, why) for a body that cannot be read.
PyObject* take_body(PyObject* self, PyObject*) {
    Door& door = door_of(self);
    if (door.status != 0) return Py_BuildValue("(is)", door.status, door.why.c_str());
    const std::optional<std::string> piece = std::exchange(door.piece, std::nullopt);
    return bytes_of(piece ? std::string_view(*piece) : std::string_view()).release();
}

PyMethodDef wait_method = {"wait", wait_for_body, METH_NOARGS, nullptr};
PyMethodDef take_method = {"take", take_body, METH_NOARGS, nullptr};

// (wait, take)
Object reader_of(const Ref<Door>& door) {
    auto* share = new Ref<Door>(door);
    const Object capsule = Object::owned(PyCapsule_New(
        share, nullptr, [](PyObject* self) { delete static_cast<Ref<Door>*>(PyCapsule_GetPointer(self, nullptr)); }));
    if (!capsule) {
        delete share;
        return Object();
    }
    const Object wait = Object::owned(PyCFunction_New(&wait_method, capsule.get()));
    const Object take = Object::owned(PyCFunction_New(&take_method, capsule.get()));
    return wait && take ? Object::owned(PyTuple_Pack(2, wait.get(), take.get())) : Object();
}

Object params_of(const Target& target, const http::Request& request) {
    Object params = Object::owned(PyDict_New());
    for (const std::string& name : target.params) {
        const Object value = utf8(request.param(name));
        if (!params || !value || PyDict_SetItemString(params.get(), name.c_str(), value.get()) < 0) return Object();
    }
    return params;
}

// handler(method, target, path, query, headers, body or reader, peer, params)
Object call_handler(const Target& target, const http::Request& request, const std::string& body,
                    const Ref<Door>& door) {
    const Object parts[] = {latin1(request.method_name()),
                            latin1(request.target()),
                            utf8(request.path()),
                            latin1(request.query()),
                            header_list(request.headers()),
                            target.streams ? reader_of(door) : bytes_of(body),
                            name_of(request.peer_address()),
                            params_of(target, request)};
    constexpr std::size_t kCount = std::size(parts);
    PyObject* arguments[kCount];
    for (std::size_t i = 0; i < kCount; ++i) {
        if (!(arguments[i] = parts[i].get())) return Object();
    }
    return Object::owned(PyObject_Vectorcall(target.handler.get(), arguments, kCount, nullptr));
}

// What a handler did not handle goes to the loop's exception handler.
void report(Loop& loop, const Error& error) {
    raise(error);
    (void)loop.callback_failed(nullptr);
}

Deferred<> stream(Loop& loop, PyObject* next, http::ResponseWriter& out) {
    Deferred<> sending = send_pieces(loop, next, out);
    const Result<> sent = co_await std::move(sending).as_result();
    if (sent) co_return;
    if (carried_exception(sent.error())) report(loop, sent.error());
    throw sent.error();
}

// Of (status, headers, body), which the Python above has seen to.
http::Response response_of(Loop& loop, PyObject* parts, Opened& opened) {
    int status = 0;
    PyObject *headers = nullptr, *body = nullptr;
    if (!PyArg_ParseTuple(parts, "iOO", &status, &headers, &body)) throw PythonException(take_exception());
    http::Response response(status);
    if (PyBytes_Check(body)) {
        Output output;
        output.append(std::string_view(PyBytes_AS_STRING(body), static_cast<std::size_t>(PyBytes_GET_SIZE(body))));
        response.body(std::move(output));
    } else {
        response = http::Response::stream([&loop, next = Kept(Object::borrowed(body)), kept = std::move(opened)](
                                              http::ResponseWriter& out) { return stream(loop, next.get(), out); });
        response.status(status);
    }
    const auto add = [&](std::string_view name, std::string_view value) { response.add(name, value); };
    if (!for_each_header(headers, add)) throw PythonException(take_exception());
    return response;
}

Deferred<http::Response> answer(Loop& loop, Ref<Target> target, http::Request& request) {
    Opened opened(Ref<Door>(new Door(loop, request)));
    std::string body;
    if (!target->streams && request.has_body()) body = co_await request.body();
    Function<Object()> call = [&] { return call_handler(*target, request, body, opened.door()); };
    Deferred<Kept> called = as_deferred(loop, std::move(call));
    const Result<Kept> parts = co_await std::move(called).as_result();
    if (!parts) {
        if (!parts.error().is(Errc::cancelled)) report(loop, parts.error());
        co_return http::Response::error(500);
    }
    try {
        co_return response_of(loop, parts->get(), opened);
    } catch (...) {
        report(loop, Error::from_current_exception());
    }
    co_return http::Response::error(500);
}

http::Handler handler_for(Loop& loop, const Ref<Target>& target) {
    return [&loop, target](http::Request& request) { return answer(loop, target, request); };
}

// A server and where it listens. It goes on until it is closed, or its loop is.
class HeldServer final : public Counted, public Pending {
public:
    HeldServer(Loop& loop, http::Handler handler, std::vector<Ref<Target>> targets, const http::ServerOptions& options)
        : loop_(&loop), targets_(std::move(targets)), self_(this) {
        server_.emplace(std::move(handler), options);
        loop.add(*this);
    }

    // Null when it is closed.
    Loop* loop() noexcept { return loop_; }
    http::Server* server() noexcept { return server_ ? &*server_ : nullptr; }
    Port* port() noexcept { return port_ ? &*port_ : nullptr; }
    void listens(Port port) { port_.emplace(std::move(port)); }
    // Nobody is accepted any more; those that are there are answered once more.
    void drain() {
        if (port_) port_->close();
        if (server_) server_->drain();
    }
    void close() noexcept {
        const Ref<HeldServer> last = std::exchange(self_, Ref<HeldServer>());
        port_.reset();
        server_.reset();
    }

    void loop_closes() noexcept override {
        loop_ = nullptr;
        close();
    }
    int traverse(visitproc visit, void* arg) noexcept override {
        for (const Ref<Target>& target : targets_) Py_VISIT(target->handler.get());
        return 0;
    }

private:
    Loop* loop_;
    std::vector<Ref<Target>> targets_;
    std::optional<http::Server> server_;
    std::optional<Port> port_;
    Ref<HeldServer> self_;  // while it serves
};

struct ServerObject {
    PyObject_HEAD Ref<HeldServer> held;
};

HeldServer& held_by(PyObject* self) noexcept { return *reinterpret_cast<ServerObject*>(self)->held; }

Object server_object(const Ref<HeldServer>& held) {
    PyTypeObject* type = held->loop()->state().http_server_type;
    Object self = Object::owned(type->tp_alloc(type, 0));
    if (self) new (&reinterpret_cast<ServerObject*>(self.get())->held) Ref<HeldServer>(held);
    return self;
}

// What comes of a port that could be opened; a server that nobody gets is closed.
class Serving {
public:
    explicit Serving(Ref<HeldServer> held) : held_(std::move(held)) {}
    Serving(Serving&&) noexcept = default;
    ~Serving() {
        if (held_) held_->close();
    }
    Object operator()(Port port) {
        Object server = server_object(held_);
        if (!server) return server;
        held_->listens(std::move(port));
        held_ = Ref<HeldServer>();
        return server;
    }

private:
    Ref<HeldServer> held_;
};

// Of [(method, pattern, names, handler, streams), ...], where a method of "" is any. False with an error set.
bool read_routes(Loop& loop, PyObject* routes, http::Router& router, std::vector<Ref<Target>>& targets) {
    const Object list = Object::owned(PySequence_Fast(routes, "routes are a list"));
    if (!list) return false;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
        const char *method = nullptr, *pattern = nullptr;
        PyObject *names = nullptr, *handler = nullptr;
        int streams = 0;
        if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(list.get(), i), "ssO!Op", &method, &pattern, &PyTuple_Type,
                              &names, &handler, &streams))
            return false;
        const Ref<Target> target(new Target);
        target->handler = Kept(Object::borrowed(handler));
        target->streams = streams != 0;
        for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); ++n) {
            const char* name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, n));
            if (!name) return false;
            target->params.emplace_back(name);
        }
        *pattern ? (void)router.add(method, pattern, handler_for(loop, target))
                 : (void)router.otherwise(handler_for(loop, target));
        targets.push_back(target);
    }
    return true;
}

// _http_serve(loop, endpoint, routes, tls, body_limit, idle_time)
PyObject* serve(PyObject* module, PyObject* args) {
    State& state = *static_cast<State*>(PyModule_GetState(module));
    PyObject *loop_object = nullptr, *routes = nullptr, *context = nullptr;
    const char* endpoint = nullptr;
    unsigned long long limit = 0;
    double idle = 0;
    if (!PyArg_ParseTuple(args, "O!sOOKd", state.loop_type, &loop_object, &endpoint, &routes, &context, &limit, &idle))
        return nullptr;
    std::optional<TlsSide> tls;
    if (context != Py_None && !(tls = TlsSide::read(state, context, true, nullptr, nullptr))) return nullptr;
    Loop& loop = loop_of(loop_object);
    if (loop.is_closed()) return PyErr_SetString(PyExc_RuntimeError, "Event loop is closed"), nullptr;
    return translated([&]() -> PyObject* {
        http::Router router;
        std::vector<Ref<Target>> targets;
        if (!read_routes(loop, routes, router, targets)) return nullptr;
        http::ServerOptions options;
        options.limits.body = limit;
        options.idle_time = Duration(static_cast<int64_t>(idle * 1e9));
        const Ref<HeldServer> held(new HeldServer(loop, std::move(router), std::move(targets), options));
        ListenerOptions listening;
        listening.connection.lane = Lane::second;
        PyObject* future = as_future(
            loop,
            [&]() -> Deferred<Port> {
                auto server = loop.network().endpoints.server(endpoint);
                if (!server) return failed(server.error());
                if (tls) server = tls::over(std::move(*server), tls->context, tls->options);
                return (*server)->listen(loop.reactor(), held->server()->factory(), listening);
            },
            Serving(held));
        return future;
    });
}

PyObject* drain(PyObject* self, PyObject*) {
    HeldServer& held = held_by(self);
    Loop* const loop = still_open(held.loop());
    if (!loop) return nullptr;
    const auto none = [] { return Object::borrowed(Py_None); };
    return as_future(
        *loop,
        [&] {
            held.drain();
            return held.server() ? held.server()->drained() : ready();
        },
        none);
}

PyObject* close_server(PyObject* self, PyObject*) {
    HeldServer& held = held_by(self);
    Loop* const loop = held.loop();
    if (!loop || loop->is_closed()) Py_RETURN_NONE;
    const Reactor::Current current(loop->reactor());
    held.close();
    loop->touched();
    Py_RETURN_NONE;
}

PyObject* get_address(PyObject* self, void*) {
    return translated([&]() -> PyObject* {
        Port* port = held_by(self).port();
        return port ? name_of(port->address()).release() : Py_NewRef(Py_None);
    });
}
PyObject* get_is_open(PyObject* self, void*) {
    Port* port = held_by(self).port();
    return PyBool_FromLong(port && port->is_open());
}
PyObject* get_connections(PyObject* self, void*) {
    http::Server* server = held_by(self).server();
    return PyLong_FromSize_t(server ? server->connections() : 0);
}
PyObject* get_answered(PyObject* self, void*) {
    http::Server* server = held_by(self).server();
    return PyLong_FromUnsignedLongLong(server ? server->requests_answered() : 0);
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    using Share = Ref<HeldServer>;
    reinterpret_cast<ServerObject*>(self)->held.~Share();
    type->tp_free(self);
    Py_DECREF(type);
}

PyMethodDef server_methods[] = {
    {"drain", drain, METH_NOARGS, nullptr},
    {"close", close_server, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef server_attributes[] = {
    {"address", get_address, nullptr, nullptr, nullptr},
    {"is_open", get_is_open, nullptr, nullptr, nullptr},
    {"connections", get_connections, nullptr, nullptr, nullptr},
    {"requests_answered", get_answered, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef functions[] = {
    {"_http_serve", serve, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

template <class F>
void* slot(F pointer) {
    return reinterpret_cast<void*>(pointer);
}

}  // namespace

int add_http_server_type(PyObject* module, State& state) {
    PyType_Slot slots[] = {
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_methods, server_methods},
        {Py_tp_getset, server_attributes},
        {0, nullptr},
    };
    constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec spec{"bine._bine.HttpServer", sizeof(ServerObject), 0, kFlags, slots};
    state.http_server_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
    return state.http_server_type ? PyModule_AddFunctions(module, functions) : -1;
}

}  // namespace bine::python
