#include "bine/python/tls_context.h"

#include <optional>

#include "bine/net/transport.h"
#include "bine/tls/session.h"

namespace bine::python {

namespace {

struct TlsContextObject {
    PyObject_HEAD std::optional<tls::Context> context;
    std::string key;  // of a certificate that was made here, as PEM
};

TlsContextObject& object_of(PyObject* self) noexcept { return *reinterpret_cast<TlsContextObject*>(self); }

// A path, or what PEM is made of: text that says so, or bytes.
struct Source {
    std::string file;
    std::string pem;
    bool is_there() const noexcept { return !file.empty() || !pem.empty(); }
};

// False with an error set.
bool read_source(PyObject* given, Source& source) {
    if (!given || given == Py_None) return true;
    const Object path = Object::owned(PyOS_FSPath(given));
    if (!path) return false;
    const Object bytes = PyBytes_Check(path.get()) ? path : Object::owned(PyUnicode_EncodeFSDefault(path.get()));
    if (!bytes) return false;
    std::string text(PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get())));
    (text.find("-----BEGIN") == text.npos ? source.file : source.pem) = std::move(text);
    return true;
}

bool read_strings(const char* what, PyObject* given, std::vector<std::string>& strings) {
    if (!given || given == Py_None) return true;
    if (PyUnicode_Check(given)) return PyErr_Format(PyExc_TypeError, "%s is a list of str, not one str", what), false;
    const Object sequence = Object::owned(PySequence_Fast(given, "a list of str is expected"));
    if (!sequence) return false;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.get()); ++i) {
        const char* text = PyUnicode_AsUTF8(PySequence_Fast_GET_ITEM(sequence.get(), i));
        if (!text) return false;
        strings.emplace_back(text);
    }
    return true;
}

// The arguments of the constructor.
struct Arguments {
    Source certificate;
    Source key;
    Source ca;
    bool is_server = false;
    bool verify = true;
    bool resume = true;
    std::vector<std::string> alpn;
    std::vector<std::string> pins;
    tls::ClientCertificate client_certificate = tls::ClientCertificate::ignored;
    tls::Version minimum = tls::Version::tls1_2;
    std::string key_log;
};

bool read_choice(const char* text, Arguments& arguments) {
    using enum tls::ClientCertificate;
    for (const auto& [name, value] :
         {std::pair("ignored", ignored), {"requested", requested}, {"required", required}}) {
        if (std::string_view(text) != name) continue;
        arguments.client_certificate = value;
        return true;
    }
    PyErr_Format(PyExc_ValueError, "client_certificate is \"%s\"; expected ignored, requested or required", text);
    return false;
}

bool read_version(const char* text, Arguments& arguments) {
    const std::string_view version = text;
    if (version == "TLSv1.2" || version == "TLSv1.3") {
        arguments.minimum = version == "TLSv1.3" ? tls::Version::tls1_3 : tls::Version::tls1_2;
        return true;
    }
    PyErr_Format(PyExc_ValueError, "minimum is \"%s\"; expected TLSv1.2 or TLSv1.3", text);
    return false;
}

bool read_arguments(PyObject* args, PyObject* keywords, Arguments& to) {
    static const char* const names[] = {"certificate",        "key",     "server", "ca",      "verify", "alpn", "pins",
                                        "client_certificate", "minimum", "resume", "key_log", nullptr};
    PyObject *certificate = nullptr, *key = nullptr, *server = Py_None, *ca = nullptr, *alpn = nullptr, *pins = nullptr;
    const char *client = "ignored", *minimum = "TLSv1.2", *key_log = nullptr;
    int verify = 1, resume = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO$OOpOOsspz", const_cast<char**>(names), &certificate, &key,
                                     &server, &ca, &verify, &alpn, &pins, &client, &minimum, &resume, &key_log))
        return false;
    if (!read_source(certificate, to.certificate) || !read_source(key, to.key) || !read_source(ca, to.ca)) return false;
    if (!read_strings("alpn", alpn, to.alpn) || !read_strings("pins", pins, to.pins)) return false;
    if (!read_choice(client, to) || !read_version(minimum, to)) return false;
    const int is_server = server == Py_None ? to.certificate.is_there() : PyObject_IsTrue(server);
    if (is_server < 0) return false;
    to.is_server = is_server == 1;
    to.verify = verify == 1;
    to.resume = resume == 1;
    if (key_log) to.key_log = key_log;
    return true;
}

Result<tls::Identity> identity_of(const Arguments& from) {
    const Source& certificate = from.certificate;
    const Source& key = from.key.is_there() ? from.key : certificate;
    if (!certificate.pem.empty() && !key.pem.empty()) return tls::Identity::from_pem(certificate.pem, key.pem);
    if (!certificate.file.empty() && !key.file.empty()) return tls::Identity::load(certificate.file, key.file);
    return fail(Errc::invalid_argument, "certificate and key must be both files, or both PEM");
}

tls::Trust trust_of(const Arguments& from) {
    tls::Trust trust;
    trust.system = !from.is_server && !from.ca.is_there();
    trust.ca_file = from.ca.file;
    trust.ca_pem = from.ca.pem;
    trust.pins = from.pins;
    return trust;
}

Result<tls::Context> make_server(const Arguments& from) {
    tls::ServerOptions options;
    if (!from.certificate.is_there())
        return fail(Errc::invalid_argument, "a server needs a certificate: TLSContext(certificate, key)");
    const auto identity = identity_of(from);
    if (!identity) return fail(identity.error());
    if (from.certificate.file.empty()) {
        options.identities.push_back(*identity);
    } else {
        options.files.push_back({from.certificate.file, from.key.is_there() ? from.key.file : from.certificate.file});
    }
    options.client_certificate = from.client_certificate;
    options.client_trust = trust_of(from);
    options.alpn = from.alpn;
    options.minimum = from.minimum;
    options.resume = from.resume;
    options.key_log = from.key_log;
    return tls::Context::server(options);
}

Result<tls::Context> make_client(const Arguments& from) {
    tls::ClientOptions options;
    if (from.certificate.is_there()) {
        const auto identity = identity_of(from);
        if (!identity) return fail(identity.error());
        options.identity.push_back(*identity);
    }
    options.trust = trust_of(from);
    options.verify = from.verify;
    options.alpn = from.alpn;
    options.minimum = from.minimum;
    options.resume = from.resume;
    options.key_log = from.key_log;
    return tls::Context::client(options);
}

PyObject* hold(PyTypeObject* type, Result<tls::Context> context, std::string key = {}) {
    if (!context) return raise(context.error());
    PyObject* self = type->tp_alloc(type, 0);
    if (!self) return nullptr;
    new (&object_of(self).context) std::optional<tls::Context>(std::move(*context));
    new (&object_of(self).key) std::string(std::move(key));
    return self;
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    return translated([&]() -> PyObject* {
        Arguments arguments;
        if (!read_arguments(args, keywords, arguments)) return nullptr;
        return hold(type, arguments.is_server ? make_server(arguments) : make_client(arguments));
    });
}

// self_signed(*names, days=30)
PyObject* self_signed(PyObject* type, PyObject* args, PyObject* keywords) {
    static const char* const names[] = {"days", nullptr};
    int days = 30;
    const Object none = Object::owned(PyTuple_New(0));
    if (!none || !PyArg_ParseTupleAndKeywords(none.get(), keywords, "|$i", const_cast<char**>(names), &days))
        return nullptr;
    const Object time = Object::owned(PyImport_ImportModule("time"));
    const Object now = time ? Object::owned(PyObject_CallMethod(time.get(), "time", nullptr)) : Object();
    const double seconds = now ? PyFloat_AsDouble(now.get()) : -1;
    if (PyErr_Occurred()) return nullptr;
    return translated([&]() -> PyObject* {
        std::vector<std::string> for_names;
        if (!read_strings("names", args, for_names)) return nullptr;
        const WallTime when{std::chrono::duration_cast<WallTime::duration>(std::chrono::duration<double>(seconds))};
        const auto identity = tls::Identity::self_signed(for_names, when, days);
        if (!identity) return raise(identity.error());
        tls::ServerOptions options;
        options.identities.push_back(*identity);
        return hold(reinterpret_cast<PyTypeObject*>(type), tls::Context::server(options), identity->key_pem());
    });
}

PyObject* reload(PyObject* self, PyObject*) {
    return translated([&]() -> PyObject* {
        const auto reloaded = object_of(self).context->reload();
        if (!reloaded) return raise(reloaded.error());
        Py_RETURN_NONE;
    });
}

PyObject* is_server(PyObject* self, void*) { return PyBool_FromLong(object_of(self).context->is_server()); }

Object text_of(std::string_view text) {
    return Object::owned(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape"));
}

PyObject* pem_of(const std::vector<tls::Certificate>& chain) {
    Object list = Object::owned(PyList_New(0));
    for (const tls::Certificate& certificate : chain) {
        const Object text = text_of(certificate.pem());
        if (!list || !text || PyList_Append(list.get(), text.get()) < 0) return nullptr;
    }
    return list.release();
}

PyObject* certificates(PyObject* self, void*) {
    return translated([&] { return pem_of(object_of(self).context->certificates()); });
}

PyObject* key(PyObject* self, void*) {
    const std::string& pem = object_of(self).key;
    return pem.empty() ? Py_NewRef(Py_None) : text_of(pem).release();
}

PyObject* represent(PyObject* self) {
    return PyUnicode_FromFormat("<bine.TLSContext for %s>",
                                object_of(self).context->is_server() ? "servers" : "clients");
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    using std::string;
    object_of(self).context.~optional();
    object_of(self).key.~string();
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

PyMethodDef methods[] = {
    {"self_signed", function(self_signed), METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     "self_signed($type, /, *names, days=30)\n--\n\n"
     "A server's context with a certificate of its own making for these names and addresses. For development and tests:\n"
     "nobody trusts it who has not been told to, TLSContext(ca=context.certificates[0])."},
    {"reload", reload, METH_NOARGS,
     "reload($self, /)\n--\n\n"
     "Read the files again, for new connections. When they cannot be used nothing changes."},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef attributes[] = {
    {"is_server", is_server, nullptr, "Whether it is for servers.", nullptr},
    {"certificates", certificates, nullptr, "The certificates that a server shows, as PEM.", nullptr},
    {"key", key, nullptr, "The private key of self_signed(), as PEM; None for a key that was given.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

constexpr const char* kDocumentation =
    "TLSContext(certificate=None, key=None, *, server=None, ca=None, verify=True, alpn=(), pins=(),\n"
    "           client_certificate='ignored', minimum='TLSv1.2', resume=True, key_log=None)\n--\n\n"
    "bine's own TLS, for ssl= wherever asyncio takes an ssl.SSLContext, and for bine.listen and bine.connect.\n\n"
    "certificate, key: who this side is; paths, or PEM. With a certificate it is a server's context, unless server=False.\n"
    "ca: whose signatures are believed instead of the system's list: a path, or PEM. verify=False believes anybody.\n"
    "alpn: the protocols offered, the best first. pins: keys, one of which the other side's chain must have.\n"
    "client_certificate: what a server asks of clients: 'ignored', 'requested' or 'required'; `ca` says who may sign them.";

}  // namespace

const tls::Context* tls_context_of(const State& state, PyObject* object, bool is_server) {
    if (!PyObject_TypeCheck(object, state.tls_context_type))
        return PyErr_Format(PyExc_TypeError, "a bine.TLSContext is expected, not %R", object), nullptr;
    const tls::Context& context = *object_of(object).context;
    if (context.is_server() == is_server) return &context;
    PyErr_SetString(
        PyExc_ValueError,
        is_server
            ? "this TLSContext is for clients; a server needs TLSContext(certificate, key)"
            : "this TLSContext is for servers; to connect with a certificate of one's own, make it with server=False");
    return nullptr;
}

std::optional<TlsSide> TlsSide::read(const State& state, PyObject* context, bool is_server, PyObject* name,
                                     PyObject* timeout) {
    const tls::Context* given = tls_context_of(state, context, is_server);
    if (!given) return {};
    TlsSide side{context, *given, is_server, {}, {}};
    if (name && name != Py_None) {
        const char* text = PyUnicode_AsUTF8(name);
        if (!text) return {};
        side.name = text;
    }
    if (timeout && timeout != Py_None) {
        const double seconds = PyFloat_AsDouble(timeout);
        if (PyErr_Occurred()) return {};
        if (!(seconds > 0 && seconds < 1e9)) {
            PyErr_Format(PyExc_ValueError, "ssl_handshake_timeout should be a positive number, got %R", timeout);
            return {};
        }
        side.options.timeout = Duration(static_cast<int64_t>(seconds * 1e9));
    }
    return side;
}

namespace {

// As ssl.SSLSocket.cipher() has it: the name, the protocol, the bits of its secret.
Object cipher_of(const tls::Session& session) {
    const std::string_view name = session.cipher();
    const int bits = name.find("128") == name.npos ? 256 : 128;
    const Object text = text_of(name);
    const Object version = text_of(session.version());
    if (!text || !version) return Object();
    return Object::owned(Py_BuildValue("(OOi)", text.get(), version.get(), bits));
}

Object text_or_none(std::string_view text) { return text.empty() ? Object::borrowed(Py_None) : text_of(text); }

Object ssl_object_of(const tls::Session& session) {
    const Object facts = Object::owned(PyImport_ImportModule("bine._tls"));
    const Object cipher = cipher_of(session);
    const Object alpn = text_or_none(session.alpn());
    const Object name = text_or_none(session.server_name());
    const Object chain = Object::owned(pem_of(session.peer_chain()));
    if (!facts || !cipher || !alpn || !name || !chain) return Object();
    return Object::owned(PyObject_CallMethod(facts.get(), "TLSSession", "OOOOi", cipher.get(), alpn.get(), name.get(),
                                             chain.get(), int{session.resumed()}));
}

struct Fact {
    const char* name;
    Object (*read)(const tls::Session&);
};
constexpr Fact kFacts[] = {
    {"version", [](const tls::Session& session) { return text_of(session.version()); }},
    {"cipher", cipher_of},
    {"alpn", [](const tls::Session& session) { return text_or_none(session.alpn()); }},
    {"server_name", [](const tls::Session& session) { return text_or_none(session.server_name()); }},
    {"ssl_object", ssl_object_of},
    {"peercert",
     [](const tls::Session& session) {
         const Object object = ssl_object_of(session);
         return object ? Object::owned(PyObject_CallMethod(object.get(), "getpeercert", nullptr)) : Object();
     }},
};

}  // namespace

PyObject* tls_info(const bine::Transport& transport, PyObject* key) {
    const tls::Session* session = tls::session_of(transport);
    if (!session) return nullptr;
    for (const Fact& fact : kFacts) {
        if (PyUnicode_CompareWithASCIIString(key, fact.name) != 0) continue;
        return translated([&] { return fact.read(*session).release(); });
    }
    return nullptr;
}

int add_tls_context_type(PyObject* module, State& state) {
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>(kDocumentation)},
        {Py_tp_new, slot(make)},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_repr, slot(represent)},
        {Py_tp_methods, methods},
        {Py_tp_getset, attributes},
        {0, nullptr},
    };
    PyType_Spec spec{"bine.TLSContext", sizeof(TlsContextObject), 0, Py_TPFLAGS_DEFAULT, slots};
    state.tls_context_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
    return state.tls_context_type ? PyModule_AddType(module, state.tls_context_type) : -1;
}

}  // namespace bine::python
