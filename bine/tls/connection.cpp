#include "bine/tls/connection.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "bine/base/log.h"
#include "bine/net/retire.h"

namespace bine::tls {

namespace {

constexpr std::size_t kRecord = 16384;  // plain bytes that one record holds
constexpr std::size_t kFilePiece = 131072;
constexpr std::size_t kCachedPiece = 65536;  // of a file, what is in memory
constexpr std::size_t kCachedAtOnce = 8;     // then others have their turn
constexpr uint64_t kSmallQueue = 65536;
constexpr uint64_t kMostAnswers = 16384;  // six hundred times new keys

Error cut_off() {
    return Error(Errc::end_of_stream,
                 "TLS: cut off: the connection ended without a close_notify, so bytes may be missing at its end");
}

Certificate certificate_of(X509* x) {
    X509_up_ref(x);
    return Certificate(std::shared_ptr<void>(x, Free<X509_free>()));
}

}  // namespace

// What is needed only until the handshake is done.
class TlsConnection::Handshake final : public Timer {
public:
    Handshake(TlsConnection& connection, Setup setup)
        : inner(std::move(setup.inner)),
          done(std::move(setup.done)),
          gate(std::move(setup.gate)),
          timeout(setup.options.timeout),
          connection_(connection) {}

    void expired() override {
        const auto seconds = std::to_string(std::chrono::duration<double>(timeout).count());
        connection_.fail(Error(Errc::timed_out,
                               "TLS handshake: not done within " + seconds.substr(0, seconds.find('.') + 2) + " s"));
    }

    Factory inner;
    HandshakeDone done;
    Ref<Gate> gate;
    const Duration timeout;

private:
    TlsConnection& connection_;
};

// A piece of a file, read in a thread. Outlives a connection that has gone meanwhile.
class TlsConnection::FileRead final : public ThreadTask {
public:
    FileRead(TlsConnection& connection, const Output::FileRange& range)
        : connection_(&connection), file_(range.file), offset_(range.offset) {
        bytes_.resize_and_overwrite(std::min<uint64_t>(range.length, kFilePiece),
                                    [](char*, std::size_t size) { return size; });
    }

    void forget() noexcept { connection_ = nullptr; }

    void work() noexcept override {
        std::size_t count = 0;
        while (count < bytes_.size() && !error_) {
            const ssize_t got = ::pread(file_->get(), bytes_.data() + count, bytes_.size() - count,
                                        static_cast<off_t>(offset_ + count));
            if (got > 0) count += static_cast<std::size_t>(got);
            if (got == 0) error_ = Error(Errc::local_protocol, "send a file: it has become shorter meanwhile");
            if (got < 0 && errno != EINTR) error_ = Error::from_errno(errno, "read a file to be sent");
        }
    }
    void done() override {
        const std::unique_ptr<FileRead> self(this);
        if (!connection_) return;
        connection_->file_read_ = nullptr;
        connection_->file_read(error_ ? Result<std::string>(std::unexpected(*error_)) : std::move(bytes_));
    }
    void abandoned() noexcept override {
        if (connection_) connection_->file_read_ = nullptr;
        delete this;
    }

private:
    TlsConnection* connection_;
    const Ref<SharedFile> file_;
    const uint64_t offset_;
    std::string bytes_;
    std::optional<Error> error_;
};

// The engine begins in connection_made(), which knows the reactor and with it the time.
TlsConnection::TlsConnection(Setup setup) : engine_(setup.context, setup.name) {
    handshake_ = std::make_unique<Handshake>(*this, std::move(setup));
}

TlsConnection::~TlsConnection() {
    if (file_read_) file_read_->forget();
}

template <class F>
void TlsConnection::guarded(std::string_view what, F&& callback) noexcept {
    try {
        callback();
    } catch (...) {
        abort();
        if (failure_) return;
        failure_ = Error::from_current_exception().with_context(what);
        log::warning("net", "a protocol's callback threw; its connection is aborted",
                     {{"peer", peer_address().to_string()}, {"error", failure_->text()}});
    }
}

void TlsConnection::connection_made(Transport& below) {
    below_ = &below;
    reactor_ = &below.reactor();
    below.set_write_limits(low_, low_);
    reactor_->timers().arm(*handshake_, time_after(*reactor_, handshake_->timeout));
    engine_.begin(reactor_->wall_now());
    if (!engine_.is_server()) run({});
}

// Receiving.

void TlsConnection::data_received(std::string_view bytes) {
    if (closing_ || failure_) return;
    if (running_) {
        meanwhile_.append(bytes);
        return;
    }
    run(tail_.join(bytes));
}

void TlsConnection::run(std::string_view input) {
    running_ = true;
    take(input);
    tail_.keep(input);
    while (!meanwhile_.empty() && may_deliver()) {
        const std::string more = std::exchange(meanwhile_, {});
        input = tail_.join(more);
        take(input);
        tail_.keep(input);
    }
    running_ = false;
    if (!meanwhile_.empty()) {
        const std::string more = std::exchange(meanwhile_, {});
        tail_.keep(tail_.join(more));
    }
    if (closing_ || failure_) tail_.keep({});
    if (engine_.ended() && !told_end_ && may_deliver()) tell_end();
}

void TlsConnection::take(std::string_view& input) {
    if (handshake_ && !step_handshake(input)) return;
    while (may_deliver() && read_record(input)) {
    }
}

// Whether it is done.
bool TlsConnection::step_handshake(std::string_view& input) {
    if (gated_) return false;
    if (handshake_->gate && !let_in_ && !handshake_->gate->enter(*reactor_, *this)) {
        gated_ = true;
        below_->pause_reading();
        return false;
    }
    Output output;
    const Result<bool> done = engine_.handshake(input, output);
    if (!output.empty()) below_->write(std::move(output));
    if (!done) {
        fail(done.error());
        return false;
    }
    if (*done) opened();
    return *done && !closing_;
}

void TlsConnection::enter_now() {
    gated_ = false;
    if (lost_ || failure_) return;
    below_->resume_reading();
    let_in_ = true;
    run(tail_.join({}));
    let_in_ = false;
}

void TlsConnection::opened() {
    const std::unique_ptr<Handshake> handshake = std::move(handshake_);
    guarded("factory", [&] { protocol_ = handshake->inner(); });
    std::optional<Error> error = failure_;
    if (!protocol_) {
        if (!error) error = Error(Errc::closed, "the factory refused the connection");
        close();
    } else {
        guarded("connection_made", [this] { protocol_->connection_made(*this); });
    }
    if (handshake->done) reactor_->guard("connect", [&] { handshake->done(error ? &*error : nullptr); });
}

// Whether there may be another record.
bool TlsConnection::read_record(std::string_view& input) {
    std::array<char, kRecord> plain;  // not initialised: it is filled
    Output output;
    const Result<std::size_t> count = engine_.read(input, plain, output);
    if (!output.empty()) answer(std::move(output));
    if (closing_) return false;
    if (!count) {
        fail(count.error());
        return false;
    }
    if (*count == 0) return false;
    guarded("data_received", [&] { protocol_->data_received({plain.data(), *count}); });
    return true;
}

// What the other side has made OpenSSL say: new keys (RFC 8446 section 4.6.3), a refusal to renegotiate. One who asks and does
// not read would fill the memory.
void TlsConnection::answer(Output&& output) {
    if (below_->queued() == 0) answered_ = 0;
    answered_ += output.size();
    below_->write(std::move(output));
    if (answered_ <= kMostAnswers) return;
    abort(Error(Errc::limit_exceeded, "TLS: the other side asks for new keys and does not read the answers"));
}

void TlsConnection::tell_end() {
    told_end_ = true;
    guarded("end_received", [this] {
        Protocol* const asked = protocol_.get();
        const bool keep_open = asked->end_received();
        if (asked != protocol_.get() || closing_) return;
        if (!keep_open || end_sent_) close();
    });
}

// Nothing is kept here while the transport below is not paused: what ends is at its end.
bool TlsConnection::end_received() {
    if (closing_ || failure_) return false;
    if (engine_.ended()) return true;
    fail(handshake_
             ? Error(Errc::end_of_stream, "TLS handshake: the other side closed the connection in the middle of it")
             : cut_off());
    return true;
}

void TlsConnection::pause_reading() noexcept {
    paused_ = true;
    if (!lost_) below_->pause_reading();
}

void TlsConnection::resume_reading() noexcept {
    if (!std::exchange(paused_, false) || lost_) return;
    if (tail_.empty() || running_) {  // running: what is left comes when the callback returns
        below_->resume_reading();
    } else {
        reactor_->call_soon(*this);
    }
}

void TlsConnection::call() {
    if (lost_) return;
    check_low_mark();
    tell_writing_paused();
    if (paused_ || running_ || handshake_) return;
    below_->resume_reading();
    if (may_deliver() && !tail_.empty()) run(tail_.join({}));
}

// Ending.

void TlsConnection::fail(Error error) {
    if (failure_ || lost_) return;
    failure_ = std::move(error);
    closing_ = true;
    waiting_.clear();
    if (handshake_) tell_handshake_failed(*failure_);
    if (below_->queued() > kSmallQueue) {
        below_->abort(*failure_);
    } else {
        below_->close();  // the alert that says why should arrive
    }
}

void TlsConnection::tell_handshake_failed(const Error& error) {
    const std::unique_ptr<Handshake> handshake = std::move(handshake_);
    static_cast<Gate::Visitor&>(*this).unlink();
    if (handshake->done) {
        reactor_->guard("connect", [&] { handshake->done(&error); });
    } else if (const auto held = handshake->gate ? handshake->gate->failures.allow(reactor_->now()) : 0; held >= 0) {
        log::warning("tls", "a handshake failed",
                     {{"peer", peer_address().to_string()}, {"error", error.text()}, {"not_logged", held}});
    }
}

void TlsConnection::connection_lost(const CloseReason& below) {
    const bool aborted = below.kind() == CloseReason::Kind::aborted;
    lost_ = closing_ = true;
    waiting_.clear();
    cell_.clear();
    static_cast<Call&>(*this).unlink();
    if (handshake_) {
        tell_handshake_failed(below.error() ? *below.error()
                                            : Error(Errc::closed, "TLS handshake: the connection was closed"));
    }
    if (!protocol_) return;
    CloseReason reason = below;
    if (failure_) {
        reason = CloseReason(aborted ? CloseReason::Kind::aborted : CloseReason::Kind::failed, *failure_);
    } else if (below.clean()) {
        reason = CloseReason(engine_.ended() ? CloseReason::Kind::closed_there : CloseReason::Kind::closed_here);
    }
    reactor_->guard("connection_lost", [&] { protocol_->connection_lost(reason); });
}

void TlsConnection::shutdown_writing() noexcept {
    if (end_wanted_ || closing_) return;
    end_wanted_ = true;
    end_if_flushed();
}

void TlsConnection::close() noexcept {
    if (closing_) return;
    closing_ = end_wanted_ = true;
    end_if_flushed();
}

void TlsConnection::end_if_flushed() {
    if (!end_wanted_ || !waiting_.empty() || file_read_ || lost_) return;
    if (!std::exchange(end_sent_, true)) send_close_notify();
    if (closing_ || told_end_) {
        closing_ = true;
        below_->close();
    } else {
        below_->shutdown_writing();
    }
}

void TlsConnection::send_close_notify() {
    Output output;
    engine_.end(output);
    below_->write(std::move(output));
}

void TlsConnection::abort() noexcept {
    closing_ = true;
    if (lost_) return;
    waiting_.clear();
    below_->abort();
}

void TlsConnection::abort(Error reason) noexcept {
    closing_ = true;
    if (lost_) return;
    waiting_.clear();
    below_->abort(std::move(reason));
}

void TlsConnection::replace_protocol(std::unique_ptr<Protocol> next, std::string_view leftover) {
    if (lost_) return;
    retire(*reactor_, std::move(protocol_));
    protocol_ = std::move(next);
    if (std::exchange(pause_told_, false)) reactor_->call_soon(*this);
    guarded("connection_made", [this] { protocol_->connection_made(*this); });
    if (!closing_ && !leftover.empty()) guarded("data_received", [&] { protocol_->data_received(leftover); });
    if (!closing_ && told_end_) tell_end();
}

// Sending.

void TlsConnection::write(std::string_view bytes) {
    if (closing_ || end_wanted_) return;
    if (waiting_.empty() && !file_read_) {
        encrypt(bytes);
    } else {
        waiting_.append(bytes);
    }
    check_high_mark();
}

void TlsConnection::write(Output&& output) {
    if (closing_ || end_wanted_) {
        output.clear();
        return;
    }
    waiting_.append(std::move(output));
    pump();
    check_high_mark();
}

// Encrypts what waits, up to a part of a file that has to be read first.
void TlsConnection::pump() {
    std::size_t cached = 0;
    while (!waiting_.empty() && !file_read_ && !failure_) {
        if (const Output::FileRange* const range = waiting_.front_file()) {
            if (below_->queued() > low_) return;  // writing_resumed() goes on
            if (cached++ < kCachedAtOnce && encrypt_cached(*range)) continue;
            return read_file(*range);
        }
        if (waiting_.front_descriptor()) {
            return abort(Error(Errc::unsupported, "TLS: a descriptor cannot be passed over an encrypted connection"));
        }
        encrypt_waiting();
    }
}

// Small pieces share a record.
void TlsConnection::encrypt_waiting() {
    const std::string_view first = waiting_.front_bytes();
    if (first.size() >= kRecord || first.size() == waiting_.size()) {
        encrypt(first);
        waiting_.consume(first.size());
        return;
    }
    std::array<char, kRecord> together;  // not initialised: it is filled
    std::size_t size = 0;
    while (size < together.size() && !waiting_.front_bytes().empty()) {
        const std::size_t count = waiting_.front_bytes().copy(together.data() + size, together.size() - size);
        waiting_.consume(count);
        size += count;
    }
    encrypt({together.data(), size});
}

void TlsConnection::encrypt(std::string_view bytes) {
    Output output;
    if (const Result<> written = engine_.write(bytes, output); !written) return fail(written.error());
    below_->write(std::move(output));
}

// Whether the next piece of a file was in memory: a thread would cost a third of what its encryption does. Not in a simulated
// world: it would hang on what the machine's memory holds.
bool TlsConnection::encrypt_cached(const Output::FileRange& range) {
    if (reactor_->driver().is_simulated()) return false;
    std::array<char, kCachedPiece> bytes;  // not initialised: it is filled
    const iovec into{bytes.data(), std::min<uint64_t>(range.length, bytes.size())};
    const ssize_t got = ::preadv2(range.file->get(), &into, 1, static_cast<off_t>(range.offset), RWF_NOWAIT);
    if (got <= 0) return false;  // the thread waits, and says what is wrong
    waiting_.consume(static_cast<std::size_t>(got));
    encrypt({bytes.data(), static_cast<std::size_t>(got)});
    return true;
}

void TlsConnection::read_file(const Output::FileRange& range) {
    file_read_ = new FileRead(*this, range);
    reactor_->driver().run_in_thread(*file_read_);
}

void TlsConnection::file_read(Result<std::string> bytes) {
    if (lost_ || failure_ || waiting_.empty()) return;
    if (!bytes) return fail(bytes.error());
    waiting_.consume(bytes->size());
    encrypt(*bytes);
    pump();
    end_if_flushed();
    check_low_mark();
}

// The queue below has room again.
void TlsConnection::writing_resumed() {
    if (lost_ || failure_) return;
    pump();
    end_if_flushed();
    check_low_mark();
}

uint64_t TlsConnection::queued() const noexcept { return lost_ ? 0 : waiting_.size() + below_->queued(); }

void TlsConnection::set_write_limits(std::size_t high, std::size_t low) noexcept {
    high_ = high;
    low_ = std::min(low, high);
    if (lost_) return;
    below_->set_write_limits(low_, low_);
    check_high_mark();
    if (writing_paused_) reactor_->call_soon(*this);
}

void TlsConnection::check_high_mark() noexcept {
    if (writing_paused_ || queued() <= high_) return;
    writing_paused_ = true;
    reactor_->call_soon(*this);
}

void TlsConnection::tell_writing_paused() {
    if (!writing_paused_ || pause_told_ || closing_ || !protocol_) return;
    pause_told_ = true;
    guarded("writing_paused", [this] { protocol_->writing_paused(); });
}

// Whoever has seen writing_is_paused() waits for writing_resumed(), also when there was no turn in which to tell the pause.
void TlsConnection::check_low_mark() {
    if (!writing_paused_ || queued() > low_) return;
    tell_writing_paused();
    writing_paused_ = false;
    if (closing_ || !std::exchange(pause_told_, false)) return;
    guarded("writing_resumed", [this] { protocol_->writing_resumed(); });
}

// What was agreed on.

std::string_view TlsConnection::version() const noexcept { return SSL_get_version(&engine_.ssl()); }
std::string_view TlsConnection::cipher() const noexcept { return SSL_get_cipher_name(&engine_.ssl()); }

std::string_view TlsConnection::alpn() const noexcept {
    const unsigned char* name = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(&engine_.ssl(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

std::string_view TlsConnection::server_name() const noexcept {
    const char* const name = SSL_get_servername(&engine_.ssl(), TLSEXT_NAMETYPE_host_name);
    return name ? name : std::string_view();
}

bool TlsConnection::resumed() const noexcept { return SSL_session_reused(&engine_.ssl()) == 1; }

std::optional<Certificate> TlsConnection::peer_certificate() const {
    X509* const x = SSL_get0_peer_certificate(&engine_.ssl());
    if (!x) return std::nullopt;
    return certificate_of(x);
}

std::vector<Certificate> TlsConnection::peer_chain() const {
    std::vector<Certificate> chain;
    const STACK_OF(X509)* const sent = SSL_get_peer_cert_chain(&engine_.ssl());
    // A server's view of a client's chain is without the client's own.
    if (engine_.is_server()) {
        if (auto leaf = peer_certificate()) chain.push_back(std::move(*leaf));
    }
    for (int i = 0; i < sk_X509_num(sent); ++i) chain.push_back(certificate_of(sk_X509_value(sent, i)));
    return chain;
}

std::string TlsConnection::channel_binding() const {
    constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    std::string bytes(32, '\0');
    SSL_export_keying_material(&engine_.ssl(), reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                               kLabel.data(), kLabel.size(), nullptr, 0, 1);
    return bytes;
}

const Session* session_of(const Transport& transport) noexcept { return dynamic_cast<const Session*>(&transport); }

}  // namespace bine::tls
