// HTTP for Python, the asking side: _bine.HttpClient, which bine.http.Client wraps.
#include "bine/client/client.h"

#include "bine/base/raised.h"
#include "bine/python/await.h"
#include "bine/python/http_pieces.h"
#include "bine/python/http_text.h"
#include "bine/python/network.h"
#include "bine/python/tls_context.h"

namespace bine::python {

namespace {

// Ends with its loop at the latest.
class HeldClient final : public Counted, public Pending {
public:
    HeldClient(Loop& loop, const http::ClientOptions& options, const tls::Context* tls) : loop_(&loop) {
        tls ? client_.emplace(loop.reactor(), options, *tls) : client_.emplace(loop.reactor(), options);
        loop.add(*this);
    }

    // Null when it is closed.
    Loop* loop() noexcept { return loop_; }
    // Null when it was closed.
    http::Client* client() noexcept { return client_ ? &*client_ : nullptr; }
    void close() noexcept { client_.reset(); }
    void loop_closes() noexcept override {
        loop_ = nullptr;
        client_.reset();
    }
    int traverse(visitproc, void*) noexcept override { return 0; }

private:
    Loop* loop_;
    std::optional<http::Client> client_;
};

// An answer whose body is read bit by bit. A piece is kept until Python takes it, so that nothing is lost when its wait is
// cancelled at the last moment.
class HeldResponse final : public Counted, public Pending {
public:
    HeldResponse(Loop& loop, http::ClientResponse response) : loop_(&loop), response_(std::move(response)) {
        loop.add(*this);
    }

    // Null when it is closed.
    Loop* loop() noexcept { return loop_; }
    http::ClientResponse* response() noexcept { return response_ ? &*response_ : nullptr; }
    void close() noexcept { response_.reset(); }
    void loop_closes() noexcept override {
        loop_ = nullptr;
        response_.reset();
    }
    int traverse(visitproc, void*) noexcept override { return 0; }

    std::optional<std::string> piece;
    bool is_awaited = false;

private:
    Loop* loop_;
    std::optional<http::ClientResponse> response_;
};

template <class T>
struct Holder {
    PyObject_HEAD Ref<T> held;
};

template <class T>
T& held_by(PyObject* self) noexcept {
    return *reinterpret_cast<Holder<T>*>(self)->held;
}

template <class T>
Object hold(PyTypeObject* type, T* made) {
    const Ref<T> share(made);
    Object self = Object::owned(type->tp_alloc(type, 0));
    if (self) new (&reinterpret_cast<Holder<T>*>(self.get())->held) Ref<T>(share);
    return self;
}

template <class T>
void let_go(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    using Share = Ref<T>;
    reinterpret_cast<Holder<T>*>(self)->held.~Share();
    type->tp_free(self);
    Py_DECREF(type);
}

Duration duration_of(double seconds) noexcept { return Duration(static_cast<int64_t>(seconds * 1e9)); }

// _http_client(loop, tls, *, total, connect, head, read, redirects, limit, per_host, user_agent, proxy, unix, decode)
PyObject* make_client(PyObject* module, PyObject* args, PyObject* keywords) {
    State& state = *static_cast<State*>(PyModule_GetState(module));
    static const char* const names[] = {
        "loop",      "tls",   "total_time",           "connect_time", "head_time", "read_time",
        "redirects", "limit", "connections_per_host", "user_agent",   "proxy",     "unix_path",
        "decode",    nullptr};
    PyObject *loop_object = nullptr, *tls = nullptr;
    http::ClientOptions options;
    double total = 300, connect = 30, head = 60, read = 60;
    unsigned int redirects = options.redirects, per_host = options.connections_per_host;
    unsigned long long limit = options.body;
    const char *user_agent = "", *proxy = "", *unix_path = "";
    int decode = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!O|$ddddIKIsssp", const_cast<char**>(names), state.loop_type,
                                     &loop_object, &tls, &total, &connect, &head, &read, &redirects, &limit, &per_host,
                                     &user_agent, &proxy, &unix_path, &decode))
        return nullptr;
    const tls::Context* context = tls == Py_None ? nullptr : tls_context_of(state, tls, false);
    if (tls != Py_None && !context) return nullptr;
    Loop& loop = loop_of(loop_object);
    if (loop.is_closed()) return PyErr_SetString(PyExc_RuntimeError, "Event loop is closed"), nullptr;
    options.total_time = duration_of(total);
    options.connect_time = duration_of(connect);
    options.head_time = duration_of(head);
    options.read_time = duration_of(read);
    options.redirects = redirects;
    options.body = limit;
    options.connections_per_host = per_host;
    options.user_agent = user_agent;
    options.proxy = proxy;
    options.unix_path = unix_path;
    options.decode = decode != 0;
    return translated([&]() -> PyObject* {
        options.resolver = &loop.network().resolver;
        const Reactor::Current current(loop.reactor());
        return hold(state.http_client_type, new HeldClient(loop, options, context)).release();
    });
}

// (status, reason, headers, url, [(status, url), ...], body)
Object head_and_body(int status, std::string_view reason, const http::AnswerFields& fields, const Url& url,
                     const http::History& history, Object body) {
    const Object headers = header_list(fields.list());
    const Object words = latin1(reason);
    const Object where = utf8(url.to_string());
    const Object hops = Object::owned(PyList_New(0));
    for (const http::Hop& hop : history) {
        const Object pair = Object::owned(Py_BuildValue("(is)", hop.status, hop.url.to_string().c_str()));
        if (!hops || !pair || PyList_Append(hops.get(), pair.get()) < 0) return Object();
    }
    if (!headers || !words || !where || !hops || !body) return Object();
    return Object::owned(
        Py_BuildValue("(iOOOOO)", status, words.get(), headers.get(), where.get(), hops.get(), body.get()));
}

struct Asked {
    http::ClientRequest request;
    bool is_whole;
};

// Of None, bytes, or (async function for the pieces, length or None). False with an error set.
bool read_body_to_send(Loop& loop, PyObject* body, http::ClientRequest& request) {
    if (body == Py_None) return true;
    if (PyBytes_Check(body)) {
        request.body(std::string(PyBytes_AS_STRING(body), static_cast<std::size_t>(PyBytes_GET_SIZE(body))));
        return true;
    }
    PyObject *next = nullptr, *length = nullptr;
    if (!PyArg_ParseTuple(body, "OO", &next, &length)) return false;
    std::optional<uint64_t> bytes;
    if (length != Py_None) bytes = PyLong_AsUnsignedLongLong(length);
    if (PyErr_Occurred()) return false;
    request.stream([&loop, kept = Kept(Object::borrowed(next))](
                       http::RequestWriter& out) { return send_pieces(loop, kept.get(), out); },
                   bytes);
    return true;
}

// method, url, headers, body, total time or None, redirects or None, whole, expects "100 Continue". Nothing with an error set.
std::optional<Asked> read_request(Loop& loop, PyObject* args) {
    const char *method = nullptr, *url = nullptr;
    PyObject *headers = nullptr, *body = nullptr, *time = nullptr, *redirects = nullptr;
    int whole = 1, expects = 0;
    if (!PyArg_ParseTuple(args, "ssOOOOpp", &method, &url, &headers, &body, &time, &redirects, &whole, &expects))
        return {};
    Asked asked{http::ClientRequest(method, url), whole != 0};
    const auto add = [&](std::string_view name, std::string_view value) { asked.request.add(name, value); };
    if (!for_each_header(headers, add) || !read_body_to_send(loop, body, asked.request)) return {};
    asked.request.expect_continue(expects != 0);
    if (time != Py_None) {
        const double seconds = PyFloat_AsDouble(time);
        if (PyErr_Occurred()) return {};
        asked.request.time_limit(duration_of(seconds));
    }
    if (redirects != Py_None) {
        const unsigned long most = PyLong_AsUnsignedLong(redirects);
        if (PyErr_Occurred()) return {};
        asked.request.redirects(static_cast<uint32_t>(most));
    }
    return asked;
}

PyObject* send(PyObject* self, PyObject* args) {
    HeldClient& held = held_by<HeldClient>(self);
    return translated([&]() -> PyObject* {
        if (!still_open(held.loop())) return nullptr;
        Loop& loop = *held.loop();
        auto asked = read_request(loop, args);
        if (!asked) return nullptr;
        if (!held.client()) return PyErr_SetString(PyExc_RuntimeError, "the client is closed"), nullptr;
        if (asked->is_whole) {
            return as_future(
                loop, [&] { return held.client()->fetch(std::move(asked->request)); },
                [](const http::Answer& answer) {
                    return head_and_body(answer.status, answer.reason, answer.fields, answer.url, answer.history,
                                         bytes_of(answer.body));
                });
        }
        return as_future(
            loop, [&] { return held.client()->send(std::move(asked->request)); },
            [&loop](http::ClientResponse response) {
                auto* made = new HeldResponse(loop, std::move(response));
                Object body = hold(loop.state().http_body_type, made);
                if (!body) return body;
                const http::ClientResponse& answer = *made->response();
                return head_and_body(answer.status(), answer.reason(), answer.fields(), answer.url(), answer.history(),
                                     std::move(body));
            });
    });
}

PyObject* close_client(PyObject* self, PyObject*) {
    HeldClient& held = held_by<HeldClient>(self);
    Loop* const loop = held.loop();
    if (!loop || loop->is_closed()) Py_RETURN_NONE;
    const Reactor::Current current(loop->reactor());
    held.close();
    loop->touched();
    Py_RETURN_NONE;
}

// The next piece is there when this ends.
Deferred<> fill(Ref<HeldResponse> held) {
    if (held->piece || !held->response()) co_return;
    const Raised awaited(held->is_awaited);
    Deferred<std::string> read = held->response()->read();
    held->piece = co_await std::move(read);
}

PyObject* wait_for_body(PyObject* self, PyObject*) {
    HeldResponse& held = held_by<HeldResponse>(self);
    Loop* const loop = still_open(held.loop());
    if (!loop) return nullptr;
    if (held.is_awaited)
        return PyErr_SetString(PyExc_RuntimeError, "this body is being read already; one reads at a time"), nullptr;
    const Ref<HeldResponse> kept(&held);
    return as_future(*loop, [&] { return fill(kept); }, [] { return Object::borrowed(Py_None); });
}

// The piece that was waited for, empty at the end.
PyObject* take_body(PyObject* self, PyObject*) {
    HeldResponse& held = held_by<HeldResponse>(self);
    const std::optional<std::string> piece = std::exchange(held.piece, std::nullopt);
    return bytes_of(piece ? std::string_view(*piece) : std::string_view()).release();
}

PyObject* close_body(PyObject* self, PyObject*) {
    HeldResponse& held = held_by<HeldResponse>(self);
    Loop* const loop = held.loop();
    if (!loop || loop->is_closed()) Py_RETURN_NONE;
    const Reactor::Current current(loop->reactor());
    held.close();
    loop->touched();
    Py_RETURN_NONE;
}

template <class F>
PyCFunction function(F method) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method));
}
template <class F>
void* slot(F pointer) {
    return reinterpret_cast<void*>(pointer);
}

PyMethodDef client_methods[] = {
    {"send", send, METH_VARARGS, nullptr},
    {"close", close_client, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyMethodDef body_methods[] = {
    {"wait", wait_for_body, METH_NOARGS, nullptr},
    {"take", take_body, METH_NOARGS, nullptr},
    {"close", close_body, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyMethodDef functions[] = {
    {"_http_client", function(make_client), METH_VARARGS | METH_KEYWORDS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyTypeObject* add_type(PyObject* module, const char* name, std::size_t size, destructor end, PyMethodDef* methods) {
    PyType_Slot slots[] = {{Py_tp_dealloc, slot(end)}, {Py_tp_methods, methods}, {0, nullptr}};
    constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec spec{name, static_cast<int>(size), 0, kFlags, slots};
    return reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
}

}  // namespace

int add_http_client_types(PyObject* module, State& state) {
    state.http_client_type =
        add_type(module, "bine._bine.HttpClient", sizeof(Holder<HeldClient>), let_go<HeldClient>, client_methods);
    state.http_body_type =
        add_type(module, "bine._bine.HttpBody", sizeof(Holder<HeldResponse>), let_go<HeldResponse>, body_methods);
    if (!state.http_client_type || !state.http_body_type) return -1;
    return PyModule_AddFunctions(module, functions);
}

}  // namespace bine::python
