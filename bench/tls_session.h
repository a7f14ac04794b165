// The client's side of TLS 1.3 (RFC 8446) without I/O, as cheap as OpenSSL has it: what the load generator needs, and no more.
// Certificates are not looked at: it is the server that is measured. Failures throw.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client_socket.h"
#include "workload.h"

namespace bench {

struct FreeTls {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

struct TlsOptions {
    std::string cipher = "TLS_AES_128_GCM_SHA256";
    bool resume = false;  // take up a session where there is one
};

// What all connections to one server share. Stays where it is.
class TlsContext {
public:
    explicit TlsContext(const TlsOptions& options) : context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX* const context = context_.get();
        if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set1_groups_list(context, "X25519") != 1 ||
            SSL_CTX_set_ciphersuites(context, options.cipher.c_str()) != 1) {
            fail("TLS: this cannot be used: " + options.cipher);
        }
        SSL_CTX_set_cert_verify_callback(context, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        if (!options.resume) return;
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_set_app_data(context, this);
        SSL_CTX_sess_set_new_cb(context, keep_session);
    }
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    SSL_CTX* get() const { return context_.get(); }
    // Sessions that servers have given and nobody has taken up; none where none are wanted.
    std::size_t sessions() const { return sessions_.size(); }
    // OpenSSL lets a session of TLS 1.3 be taken up once. Null: there is none.
    std::unique_ptr<SSL_SESSION, FreeTls> take_session() {
        if (sessions_.empty()) return nullptr;
        auto session = std::move(sessions_.back());
        sessions_.pop_back();
        return session;
    }

private:
    static int keep_session(SSL* ssl, SSL_SESSION* session) {
        auto& self = *static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        self.sessions_.emplace_back(session);
        return 1;
    }

    std::unique_ptr<SSL_CTX, FreeTls> context_;
    std::vector<std::unique_ptr<SSL_SESSION, FreeTls>> sessions_;
};

// One connection. Stays where it is.
class TlsSession {
public:
    // `resume`: takes up a session.
    explicit TlsSession(TlsContext& context, bool resume = false) : resumes_(resume), ssl_(SSL_new(context.get())) {
        BIO* const bio = BIO_new(method());
        BIO_set_data(bio, this);
        SSL_set_bio(ssl_.get(), bio, bio);
        SSL_set_connect_state(ssl_.get());
        if (!resumes_) return;
        const auto session = context.take_session();
        if (!session) fail("TLS: the server gives fewer sessions than there are connections");
        SSL_set_session(ssl_.get(), session.get());
    }
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;
    // As if it had ended well: OpenSSL would otherwise spoil a session that others take up.
    ~TlsSession() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }

    // What came, until all of it was taken. It stays where it is until then.
    void feed(std::string_view bytes) { input_ = bytes; }

    // True once it is done, and it took up a session exactly when it was to.
    bool handshake() {
        const int done = SSL_do_handshake(ssl_.get());
        if (done != 1) {
            expect_want_read(done, "handshake");
            return false;
        }
        if ((SSL_session_reused(ssl_.get()) == 1) != resumes_) fail("TLS: a session was not taken up");
        return true;
    }

    // The next plain bytes; none when more must come first, or when the other side has said that nothing comes.
    std::string_view read(std::span<char> into) {
        std::size_t count = 0;
        const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
        if (done == 1) return {into.data(), count};
        if (SSL_get_error(ssl_.get(), done) == SSL_ERROR_ZERO_RETURN) {
            ended_ = true;
        } else {
            expect_want_read(done, "read");
        }
        return {};
    }

    // close_notify has come.
    bool ended() const { return ended_; }

    void write(std::string_view plain) {
        std::size_t count = 0;
        const int done = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count);
        if (done != 1 || count != plain.size()) fail("TLS: write failed");
    }

    // What must be sent. Whoever has sent it clears it.
    std::string& output() { return output_; }

private:
    static BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "load");
            BIO_meth_set_read(method, bio_read);
            BIO_meth_set_write(method, bio_write);
            BIO_meth_set_ctrl(method, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });
            BIO_meth_set_create(method, [](BIO* bio) {
                BIO_set_init(bio, 1);
                return 1;
            });
            return method;
        }();
        return made;
    }

    static int bio_read(BIO* bio, char* into, int most) {
        auto& self = *static_cast<TlsSession*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        if (self.input_.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::size_t count = self.input_.copy(into, static_cast<std::size_t>(most));
        self.input_.remove_prefix(count);
        return static_cast<int>(count);
    }

    static int bio_write(BIO* bio, const char* bytes, int count) {
        BIO_clear_retry_flags(bio);
        static_cast<TlsSession*>(BIO_get_data(bio))->output_.append(bytes, static_cast<std::size_t>(count));
        return count;
    }

    void expect_want_read(int done, const std::string& doing) {
        if (SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ) return;
        const char* const why = ERR_reason_error_string(ERR_peek_error());
        fail("TLS: " + doing + ": " + (why ? why : "no reason"));
    }

    bool resumes_;
    bool ended_ = false;
    std::string_view input_;
    std::string output_;
    std::unique_ptr<SSL, FreeTls> ssl_;
};

// A blocking TLS connection to a port of 127.0.0.1, to be used like a Socket.
class TlsSocket {
public:
    TlsSocket(std::uint16_t port, TlsContext& context)
        : socket_(port), session_(std::make_unique<TlsSession>(context)), encrypted_(16384, '\0') {
        while (!session_->handshake()) {
            flush();
            session_->feed(socket_.receive(encrypted_));
        }
    }

    void send_all(std::string_view plain) {
        session_->write(plain);
        flush();
    }

    std::string_view receive(std::span<char> into) {
        for (;;) {
            const std::string_view plain = session_->read(into);
            if (!plain.empty()) return plain;
            if (session_->ended()) fail("the server ended a connection");
            session_->feed(socket_.receive(encrypted_));
        }
    }

    bool is_idle() const { return socket_.is_idle(); }

private:
    void flush() {
        socket_.send_all(session_->output());
        session_->output().clear();
    }

    Socket socket_;
    std::unique_ptr<TlsSession> session_;
    std::string encrypted_;
};

}  // namespace bench
