#include "bine/tls/engine.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <new>

#include "bine/driver/address.h"
#include "bine/tls/randomness.h"

namespace bine::tls {

namespace {

// OpenSSL counts in int; a record holds no more than this anyway.
constexpr std::size_t kMostAtOnce = 1 << 20;

}  // namespace

// What OpenSSL reads and writes during one call.
class Engine::Visit {
public:
    Visit(Engine& engine, std::string_view& input, Output& output) noexcept : engine_(engine) {
        engine_.input_ = &input;
        engine_.output_ = &output;
        ERR_clear_error();
    }
    ~Visit() {
        engine_.input_ = nullptr;
        engine_.output_ = nullptr;
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

private:
    Engine& engine_;
};

int Engine::bio_read(BIO* bio, char* into, int most) {
    BIO_clear_retry_flags(bio);
    auto& engine = *static_cast<Engine*>(BIO_get_data(bio));
    if (!engine.input_ || engine.input_->empty()) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const std::size_t count = engine.input_->copy(into, static_cast<std::size_t>(most));
    engine.input_->remove_prefix(count);
    return static_cast<int>(count);
}

int Engine::bio_write(BIO* bio, const char* bytes, int count) {
    BIO_clear_retry_flags(bio);
    auto& engine = *static_cast<Engine*>(BIO_get_data(bio));
    try {
        engine.output_->append(std::string_view(bytes, static_cast<std::size_t>(count)));
        return count;
    } catch (const std::bad_alloc&) {
        engine.no_memory_ = true;
        return -1;
    }
}

long Engine::bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* Engine::bio_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bine");
        BIO_meth_set_read(made, bio_read);
        BIO_meth_set_write(made, bio_write);
        BIO_meth_set_ctrl(made, bio_control);
        BIO_meth_set_create(made, [](BIO* bio) {
            BIO_set_init(bio, 1);
            return 1;
        });
        return made;
    }();
    return method;
}

Engine::Engine(Context context, std::string name) : context_(std::move(context)), name_(std::move(name)) {}

void Engine::begin(WallTime now) {
    use_chance_of_worlds();
    now_ = now;
    hosts_ = context().hosts();
    ssl_.reset(SSL_new(hosts_->front().ssl.get()));
    BIO* const bio = ssl_ ? BIO_new(bio_method()) : nullptr;
    if (!bio) throw openssl_error(Errc::broken, "begin TLS");
    BIO_set_data(bio, this);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), this);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl_.get()),
                               std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count());
    if (is_server()) {
        SSL_set_accept_state(ssl_.get());
    } else {
        connect_to_name();
    }
}

// As if it had ended well: OpenSSL would otherwise spoil the session that may be resumed.
Engine::~Engine() {
    if (ssl_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void Engine::connect_to_name() {
    SSL_set_connect_state(ssl_.get());
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_.get());
    if (Address::try_parse_ip(name_, 0)) {
        X509_VERIFY_PARAM_set1_ip_asc(wanted, name_.c_str());
    } else {
        X509_VERIFY_PARAM_set_hostflags(wanted,
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        X509_VERIFY_PARAM_set1_host(wanted, name_.data(), name_.size());
        SSL_set_tlsext_host_name(ssl_.get(), name_.c_str());
    }
    if (const OwnedSession session = context().sessions.take(name_)) SSL_set_session(ssl_.get(), session.get());
}

Result<bool> Engine::handshake(std::string_view& input, Output& output) {
    if (error_) return fail(*error_);
    const Visit visit(*this, input, output);
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) return open_ = true;
    const int code = SSL_get_error(ssl_.get(), done);
    if (code == SSL_ERROR_WANT_READ) return false;
    return fail(fail_with(code));
}

Result<std::size_t> Engine::read(std::string_view& input, std::span<char> into, Output& output) {
    if (error_) return fail(*error_);
    if (ended_) return 0;
    const Visit visit(*this, input, output);
    std::size_t count = 0;
    const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
    if (done == 1) return count;
    const int code = SSL_get_error(ssl_.get(), done);
    if (code == SSL_ERROR_WANT_READ) return 0;
    if (code == SSL_ERROR_ZERO_RETURN) {
        ended_ = true;
        return 0;
    }
    return fail(fail_with(code));
}

Result<> Engine::write(std::string_view bytes, Output& output) {
    if (error_) return fail(*error_);
    std::string_view nothing;
    const Visit visit(*this, nothing, output);
    while (!bytes.empty()) {
        std::size_t count = 0;
        const int done = SSL_write_ex(ssl_.get(), bytes.data(), std::min(bytes.size(), kMostAtOnce), &count);
        if (done != 1) return fail(fail_with(SSL_get_error(ssl_.get(), done)));
        bytes.remove_prefix(count);
    }
    return {};
}

void Engine::end(Output& output) {
    if (error_ || !open_) return;
    std::string_view nothing;
    const Visit visit(*this, nothing, output);
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

// What a callback has said comes first. Only a BIO without memory makes SSL_ERROR_SYSCALL.
Error Engine::fail_with(int code) {
    const std::string doing = open_ ? "TLS" : name_.empty() ? "TLS handshake" : "TLS handshake with " + name_;
    if (no_memory_ || code == SSL_ERROR_SYSCALL) {
        error_ = Error::out_of_memory();
    } else if (refusal_) {
        error_ = refusal_->with_context(doing);
    } else {
        error_ = protocol_error(doing);
    }
    ERR_clear_error();
    return *error_;
}

}  // namespace bine::tls
