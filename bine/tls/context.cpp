#include "bine/tls/context.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <new>

#include "bine/base/text.h"
#include "bine/tls/context_state.h"
#include "bine/tls/engine.h"
#include "bine/tls/randomness.h"
#include "bine/tls/verification.h"

namespace bine::tls {

namespace {

using State = Context::State;

// Mozilla's "intermediate" for TLS 1.2; those of TLS 1.3 are all good.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256:P-384";

// The name in a ClientHello (RFC 6066 section 3): a list of names, of which one is a host's.
std::string_view asked_name(SSL& ssl) noexcept {
    const unsigned char* bytes = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(&ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1 || size < 5) return {};
    const auto number = [&](std::size_t at) { return std::size_t{bytes[at]} << 8 | bytes[at + 1]; };
    const std::size_t length = number(3);
    if (number(0) != size - 2 || bytes[2] != TLSEXT_NAMETYPE_host_name || length > size - 5) return {};
    return {reinterpret_cast<const char*>(bytes) + 5, length};
}

// Before anything is decided, a session taken up least of all: one that another host gave is not good here.
int choose_by_name(SSL* ssl, int*, void*) noexcept try {
    const Engine& engine = Engine::of(*ssl);
    const Host& host = choose_host(engine.hosts(), to_lower(asked_name(*ssl)));
    if (!SSL_set_SSL_CTX(ssl, host.ssl.get())) return SSL_CLIENT_HELLO_ERROR;
    SSL_set_session_id_context(ssl, host.session_scope.data(), kScope);
    return SSL_CLIENT_HELLO_SUCCESS;
} catch (...) {
    return SSL_CLIENT_HELLO_ERROR;
}

int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int count, void*) noexcept {
    const std::string& ours = Engine::of(*ssl).context().alpn_wire;
    unsigned char* found = nullptr;
    const auto* const wire = reinterpret_cast<const unsigned char*>(ours.data());
    const int outcome =
        SSL_select_next_proto(&found, size, wire, static_cast<unsigned int>(ours.size()), offered, count);
    *chosen = found;
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool has_pin(const STACK_OF(X509) * chain, const std::vector<std::string>& pins) {
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        X509* const x = sk_X509_value(chain, i);
        X509_up_ref(x);
        const std::string pin = Certificate(std::shared_ptr<void>(x, Free<X509_free>())).pin();
        if (std::find(pins.begin(), pins.end(), pin) != pins.end()) return true;
    }
    return false;
}

// The chain that was sent, when there is none that was verified.
const STACK_OF(X509) * shown_chain(X509_STORE_CTX& store) {
    const STACK_OF(X509)* const verified = X509_STORE_CTX_get0_chain(&store);
    return verified ? verified : X509_STORE_CTX_get0_untrusted(&store);
}

int verify_chain(X509_STORE_CTX* store, void*) noexcept try {
    const auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    Engine& engine = Engine::of(*ssl);
    const State& context = engine.context();
    const bool verify = context.server || context.client->verify;
    if (verify && X509_verify_cert(store) != 1) {
        engine.refuse(verification_error(*store, engine.name(), engine.now()));
        return 0;
    }
    const std::vector<std::string>& pins = context.trust().pins;
    if (!pins.empty() && !has_pin(shown_chain(*store), pins)) {
        engine.refuse(Error(Errc::not_trusted, "no certificate of the chain has one of the keys that are pinned"));
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
        return 0;
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
} catch (...) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
    return 0;
}

int keep_session(SSL* ssl, SSL_SESSION* session) noexcept try {
    const Engine& engine = Engine::of(*ssl);
    OwnedSession owned(session);
    engine.context().sessions.put(engine.name(), std::move(owned));
    return 1;
} catch (...) {
    return 1;  // `owned` has given it back
}

// One write a line, so that several processes may share the file.
void log_key(const SSL* ssl, const char* line) noexcept {
    iovec parts[] = {{const_cast<char*>(line), std::strlen(line)}, {const_cast<char*>("\n"), 1}};
    [[maybe_unused]] const ssize_t written =
        ::writev(Engine::of(*ssl).context().key_log.get(), parts, std::size(parts));
}

Result<> set_alpn(State& state) {
    for (const std::string& protocol : state.alpn()) {
        if (protocol.empty() || protocol.size() > 255) {
            return fail(Errc::invalid_argument,
                        "TLS: a protocol for ALPN has 1 to 255 bytes: \"" + escape(protocol) + "\"");
        }
        state.alpn_wire += static_cast<char>(protocol.size());
        state.alpn_wire += protocol;
    }
    return {};
}

Result<> open_key_log(State& state, const std::string& path) {
    if (path.empty()) return {};
    state.key_log = Descriptor(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (!state.key_log) return fail(Error::from_errno(errno, "open the key log \"" + path + "\""));
    return {};
}

Result<> add_pem(X509_STORE& store, const std::string& pem) {
    const OwnedBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    int count = 0;
    while (const OwnedX509 x{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
        X509_STORE_add_cert(&store, x.get());
        ++count;
    }
    ERR_clear_error();
    if (count == 0) return fail(Errc::invalid_argument, "TLS: there is no certificate in the text of whom to trust");
    return {};
}

Result<> make_store(State& state) {
    const Trust& trust = state.trust();
    state.store.reset(X509_STORE_new());
    if (!state.store) return fail(Error::out_of_memory());
    if (!trust.ca_file.empty()) {
        if (X509_STORE_load_file(state.store.get(), trust.ca_file.c_str()) != 1) {
            return fail(
                openssl_error(Errc::invalid_argument, "TLS: read whom to trust from \"" + trust.ca_file + "\""));
        }
    } else if (trust.system && trust.ca_pem.empty()) {
        X509_STORE_set_default_paths(state.store.get());
        ERR_clear_error();
    }
    return trust.ca_pem.empty() ? Result<>() : add_pem(*state.store, trust.ca_pem);
}

int verify_mode(const State& state) noexcept {
    if (state.client) return SSL_VERIFY_PEER;
    switch (state.server->client_certificate) {
        case ClientCertificate::ignored: return SSL_VERIFY_NONE;
        case ClientCertificate::requested: return SSL_VERIFY_PEER;
        case ClientCertificate::required: break;
    }
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

// Names of who may sign client certificates, for clients that have several.
void name_authorities(SSL_CTX& ssl, X509_STORE& store) {
    const STACK_OF(X509_OBJECT)* const objects = X509_STORE_get0_objects(&store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
        if (X509* const x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i))) SSL_CTX_add_client_CA(&ssl, x);
    }
}

void set_sessions(SSL_CTX& ssl, const State& state) {
    const bool resume = state.server ? state.server->resume : state.client->resume;
    if (!resume) SSL_CTX_set_options(&ssl, SSL_OP_NO_TICKET);
    if (!resume && state.server) SSL_CTX_set_num_tickets(&ssl, 0);
    if (resume && state.client) {
        SSL_CTX_set_session_cache_mode(&ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(&ssl, keep_session);
    } else {
        SSL_CTX_set_session_cache_mode(&ssl, SSL_SESS_CACHE_OFF);
    }
}

// All that does not depend on a host.
Result<OwnedContext> make_context(State& state) {
    OwnedContext ssl(SSL_CTX_new(state.server ? TLS_server_method() : TLS_client_method()));
    if (!ssl) return fail(Error::out_of_memory());
    SSL_CTX* const c = ssl.get();
    const Version minimum = state.server ? state.server->minimum : state.client->minimum;
    SSL_CTX_set_security_level(c, 2);
    SSL_CTX_set_min_proto_version(c, minimum == Version::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_cipher_list(c, kCiphers) != 1 || SSL_CTX_set1_groups_list(c, kGroups) != 1) {
        return fail(openssl_error(Errc::unsupported, "TLS: this OpenSSL lacks what bine speaks"));
    }
    SSL_CTX_set1_cert_store(c, state.store.get());
    SSL_CTX_set_verify(c, verify_mode(state), nullptr);
    SSL_CTX_set_cert_verify_callback(c, verify_chain, nullptr);
    set_sessions(*c, state);
    if (state.key_log) SSL_CTX_set_keylog_callback(c, log_key);
    if (state.server) {
        SSL_CTX_set_client_hello_cb(c, choose_by_name, nullptr);
        if (verify_mode(state) != SSL_VERIFY_NONE) name_authorities(*c, *state.store);
        if (!state.alpn_wire.empty()) SSL_CTX_set_alpn_select_cb(c, choose_protocol, nullptr);
    } else if (!state.alpn_wire.empty()) {
        SSL_CTX_set_alpn_protos(c, reinterpret_cast<const unsigned char*>(state.alpn_wire.data()),
                                static_cast<unsigned int>(state.alpn_wire.size()));
    }
    return ssl;
}

Result<> use_identity(SSL_CTX& ssl, const Identity& identity) {
    auto* const leaf = static_cast<X509*>(identity.certificate().handle());
    Owned<STACK_OF(X509), [](STACK_OF(X509) * stack) { sk_X509_free(stack); }> rest(sk_X509_new_null());
    for (std::size_t i = 1; i < identity.chain().size(); ++i) {
        sk_X509_push(rest.get(), static_cast<X509*>(identity.chain()[i].handle()));
    }
    if (SSL_CTX_use_cert_and_key(&ssl, leaf, static_cast<EVP_PKEY*>(identity.key()), rest.get(), 1) == 1) return {};
    return fail(openssl_error(Errc::invalid_argument,
                              "TLS: the certificate of \"" + identity.certificate().subject() + "\" cannot be used"));
}

std::vector<std::string> names_of(const Certificate& certificate) {
    std::vector<std::string> names;
    for (const std::string& name : certificate.names()) names.push_back(to_lower(name));
    return names;
}

int kind_of(const Identity& identity) { return EVP_PKEY_get_base_id(static_cast<EVP_PKEY*>(identity.key())); }

// Another host, or another kind of key for one that is there.
Result<> add_identity(State& state, Hosts& hosts, const Identity& identity, std::vector<int>& kinds) {
    const std::vector<std::string> names = names_of(identity.certificate());
    std::size_t at = 0;
    while (at < hosts.size() && (hosts[at].names != names || kinds[at] == kind_of(identity))) ++at;
    if (at == hosts.size()) {
        auto ssl = make_context(state);
        if (!ssl) return fail(ssl.error());
        hosts.emplace_back().ssl = std::move(*ssl);
        hosts[at].names = names;
        kinds.push_back(kind_of(identity));
        const std::string scope = identity.certificate().sha256();
        EVP_Digest(scope.data(), scope.size(), hosts[at].session_scope.data(), nullptr, EVP_sha256(), nullptr);
        SSL_CTX_set_session_id_context(hosts[at].ssl.get(), hosts[at].session_scope.data(), kScope);
    }
    hosts[at].certificates.push_back(identity.certificate());
    return use_identity(*hosts[at].ssl, identity);
}

Result<std::shared_ptr<const Hosts>> make_server_hosts(State& state) {
    auto hosts = std::make_shared<Hosts>();
    std::vector<int> kinds;
    for (const IdentityFiles& files : state.server->files) {
        const auto identity = Identity::load(files.certificate, files.key);
        if (!identity) return fail(identity.error().with_context("TLS"));
        if (auto added = add_identity(state, *hosts, *identity, kinds); !added) return fail(added.error());
    }
    for (const Identity& identity : state.server->identities) {
        if (auto added = add_identity(state, *hosts, identity, kinds); !added) return fail(added.error());
    }
    if (hosts->empty()) {
        return fail(Errc::invalid_argument, "TLS: a server needs a certificate and its key; there are none");
    }
    return std::shared_ptr<const Hosts>(std::move(hosts));
}

Result<std::shared_ptr<const Hosts>> make_client_host(State& state) {
    auto ssl = make_context(state);
    if (!ssl) return fail(ssl.error());
    if (!state.client->identity.empty()) {
        if (auto used = use_identity(**ssl, state.client->identity.front()); !used) return fail(used.error());
    }
    auto hosts = std::make_shared<Hosts>();
    hosts->emplace_back().ssl = std::move(*ssl);
    return std::shared_ptr<const Hosts>(std::move(hosts));
}

Result<> fill(State& state, const std::string& key_log) {
    use_chance_of_worlds();
    if (auto set = set_alpn(state); !set) return set;
    if (auto opened = open_key_log(state, key_log); !opened) return opened;
    if (auto made = make_store(state); !made) return made;
    auto hosts = state.server ? make_server_hosts(state) : make_client_host(state);
    if (!hosts) return fail(hosts.error());
    state.current = std::move(*hosts);
    return {};
}

}  // namespace

const Host& choose_host(const Hosts& hosts, std::string_view name) noexcept {
    const auto has = [](const Host& host, std::string_view wanted) {
        return std::find(host.names.begin(), host.names.end(), wanted) != host.names.end();
    };
    if (name.empty()) return hosts.front();
    for (const Host& host : hosts) {
        if (has(host, name)) return host;
    }
    const std::size_t dot = name.find('.');
    if (dot == name.npos) return hosts.front();
    for (const Host& host : hosts) {
        for (const std::string& own : host.names) {
            if (own.starts_with("*.") && std::string_view(own).substr(1) == name.substr(dot)) return host;
        }
    }
    return hosts.front();
}

Result<Context> Context::client(const ClientOptions& options) {
    auto state = std::make_shared<State>(options);
    if (auto filled = fill(*state, options.key_log); !filled) return fail(filled.error());
    return Context(std::move(state));
}

Result<Context> Context::server(const ServerOptions& options) {
    auto state = std::make_shared<State>(options);
    if (auto filled = fill(*state, options.key_log); !filled) return fail(filled.error());
    return Context(std::move(state));
}

Result<> Context::reload() {
    auto hosts = state_->server ? make_server_hosts(*state_) : make_client_host(*state_);
    if (!hosts) return fail(hosts.error());
    const std::lock_guard lock(state_->mutex);
    state_->current = std::move(*hosts);
    return {};
}

bool Context::is_server() const noexcept { return state_->server.has_value(); }

std::vector<Certificate> Context::certificates() const {
    std::vector<Certificate> all;
    for (const Host& host : *state_->hosts()) all.insert(all.end(), host.certificates.begin(), host.certificates.end());
    return all;
}

}  // namespace bine::tls
