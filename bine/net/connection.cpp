#include "bine/net/connection.h"

#include <algorithm>

#include "bine/base/log.h"
#include "bine/net/retire.h"

namespace bine {

// What is needed only until the connection is made.
struct Connection::Pending {
    Factory factory;
    ConnectDone done;
};

// Aborts a connection on which nothing moves. Traffic only stores the time; the timer looks at it when it expires. Bytes
// that join a queue do not move: only that the queue has become shorter shows that the other side takes any.
class Connection::IdleTimer final : public Timer {
public:
    IdleTimer(Connection& connection, Duration limit) : connection_(connection), limit_(limit) {
        touch();
        arm();
    }

    void touch() noexcept { last_ = connection_.reactor_.now(); }
    void writing(uint64_t bytes) noexcept {
        if (connection_.queued() == 0) touch();
        written_ += bytes;
    }

    void expired() override {
        const uint64_t sent = written_ - connection_.queued();
        if (std::exchange(sent_, sent) != sent && connection_.queued() > 0) touch();
        if (connection_.reactor_.now() < last_ + limit_) {
            arm();
        } else {
            connection_.abort(Error(Errc::timed_out, "nothing was sent or received for too long"));
        }
    }

private:
    void arm() noexcept { connection_.reactor_.timers().arm(*this, last_ + limit_); }

    Connection& connection_;
    const Duration limit_;
    TimePoint last_{};
    uint64_t written_ = 0;
    uint64_t sent_ = 0;
};

struct Connection::Rare {
    std::unique_ptr<Pending> pending;  // while connecting
    std::unique_ptr<IdleTimer> idle;
    std::optional<Error> abort_reason;
    bool told_addresses = false;
    Address local;
    Address peer;
};

Connection::Connection(Reactor& reactor, const Options& options) : reactor_(reactor), lane_(options.lane) {
    if (options.idle_timeout > Duration(0)) rare().idle = std::make_unique<IdleTimer>(*this, options.idle_timeout);
}

Connection::~Connection() = default;

Connection::Rare& Connection::rare() {
    if (!rare_) rare_ = std::make_unique<Rare>();
    return *rare_;
}

std::unique_ptr<Connection::Pending> Connection::take_pending() noexcept {
    return rare_ ? std::move(rare_->pending) : nullptr;
}

Connection& Connection::start(Reactor& reactor, SocketId socket, std::unique_ptr<Protocol> protocol,
                              const Options& options, Ref<Admission> admission) {
    auto& connection = *new Connection(reactor, options);  // the last that may throw
    connection.socket_ = socket;
    connection.admission_ = std::move(admission);
    reactor.driver().attach(socket, connection, options.lane);
    if (options.ends_plainly) reactor.driver().end_plainly(socket);
    connection.set_write_limits(options.write_high, options.write_low);
    reactor.driver().resume(socket);
    connection.make(std::move(protocol));
    return connection;
}

Result<Connection*> Connection::connect(Reactor& reactor, const Address& remote, const Address& local, Factory factory,
                                        ConnectDone done, const Options& options) {
    auto* connection = new Connection(reactor, options);
    std::unique_ptr<Disposable> owner(connection);
    connection->rare().pending = std::make_unique<Pending>(Pending{std::move(factory), std::move(done)});
    const auto socket = reactor.driver().connect(remote, local, *connection, options.lane);
    if (!socket) return fail(socket.error());
    connection->socket_ = *socket;
    if (options.ends_plainly) reactor.driver().end_plainly(*socket);
    connection->set_write_limits(options.write_high, options.write_low);
    (void)owner.release();
    return connection;
}

void Connection::cancel_connect() noexcept {
    if (!rare_ || !rare_->pending) return;
    rare_->pending->done = nullptr;
    abort();
}

void Connection::connected() {
    const auto pending = take_pending();
    if (end_ != End::none) return;
    touch();
    std::unique_ptr<Protocol> protocol;
    std::optional<Error> error;
    try {
        protocol = pending->factory();
        if (!protocol) error = Error(Errc::closed, "the factory refused the connection");
    } catch (...) {
        error = Error::from_current_exception();
    }
    if (error) {
        abort();
    } else {
        reactor_.driver().resume(socket_);
        make(std::move(protocol));
    }
    if (pending->done) reactor_.guard("connect", [&] { pending->done(error ? &*error : nullptr); });
}

void Connection::make(std::unique_ptr<Protocol> protocol) {
    protocol_ = std::move(protocol);
    guarded("connection_made", [this] { protocol_->connection_made(*this); });
}

// A callback that throws costs its connection, and the error is the reason of its end.
template <class F>
void Connection::guarded(std::string_view what, F&& callback) noexcept {
    reactor_.guard(what, [&] {
        try {
            callback();
        } catch (...) {
            abort();  // first, as what follows may find no memory
            give_reason(Error::from_current_exception().with_context(what));
        }
    });
}

// For an abort that nobody has heard of yet.
void Connection::give_reason(Error reason) {
    if (rare_ && rare_->abort_reason) return;
    log::warning("net", "a protocol's callback threw; its connection is aborted",
                 {{"peer", peer_address().to_string()}, {"error", reason.text()}});
    rare().abort_reason = std::move(reason);
}

void Connection::data_received(std::string_view bytes) {
    touch();
    guarded("data_received", [&] { protocol_->data_received(bytes); });
}

void Connection::end_received() {
    touch();
    ended_there_ = true;
    guarded("end_received", [this] {
        Protocol* const asked = protocol_.get();
        const bool keep_open = asked->end_received();
        if (!keep_open && asked == protocol_.get()) close();
    });
}

void Connection::descriptor_received(Descriptor descriptor) {
    guarded("descriptor_received", [&] { protocol_->descriptor_received(std::move(descriptor)); });
}

// Whoever has seen writing_is_paused() waits for writing_resumed(), also when there was no turn in which to tell the pause.
void Connection::drained() {
    touch();
    if (!writing_paused_) return;
    if (!pause_told_) call();
    static_cast<Call&>(*this).unlink();
    if (!std::exchange(writing_paused_, false) || end_ != End::none) return;
    if (std::exchange(pause_told_, false)) guarded("writing_resumed", [this] { protocol_->writing_resumed(); });
}

// The queue passed the high mark in some write(): tells it from the loop.
void Connection::call() {
    if (!writing_paused_ || pause_told_ || end_ != End::none) return;
    pause_told_ = true;
    guarded("writing_paused", [this] { protocol_->writing_paused(); });
}

void Connection::closed(const Error* error) {
    lost_ = true;
    cell_.clear();
    if (rare_) rare_->idle.reset();
    static_cast<Call&>(*this).unlink();
    const CloseReason reason = reason_of(error);
    if (std::exchange(end_, End::aborted) == End::closed) reactor_.end_unfinished();
    if (const auto pending = take_pending()) {
        if (pending->done) {
            const Error why = reason.error() ? *reason.error() : Error(Errc::closed, "closed while connecting");
            reactor_.guard("connect", [&] { pending->done(&why); });
        }
    } else if (protocol_) {
        reactor_.guard("connection_lost", [&] { protocol_->connection_lost(reason); });
    }
    if (admission_) admission_->leave(reactor_.driver().peer_address(socket_));
    socket_ = SocketId();
    reactor_.dispose(std::unique_ptr<Disposable>(this));
}

CloseReason Connection::reason_of(const Error* error) const {
    if (end_ == End::aborted || reactor_.is_ending()) {
        if (rare_ && rare_->abort_reason) return {CloseReason::Kind::aborted, *rare_->abort_reason};
        return CloseReason(CloseReason::Kind::aborted);
    }
    if (error) return {CloseReason::Kind::failed, *error};
    return CloseReason(ended_there_ ? CloseReason::Kind::closed_there : CloseReason::Kind::closed_here);
}

void Connection::write(std::string_view bytes) {
    if (end_ != End::none) return;
    if (rare_ && rare_->idle) rare_->idle->writing(bytes.size());
    reactor_.driver().send(socket_, bytes, Lifetime::copy);
    check_high_mark();
}

void Connection::write(Output&& output) {
    if (end_ != End::none) {
        output.clear();
        return;
    }
    if (rare_ && rare_->idle) rare_->idle->writing(output.size());
    reactor_.driver().send(socket_, std::move(output));
    check_high_mark();
}

void Connection::check_high_mark() noexcept {
    if (writing_paused_ || queued() <= write_high_) return;
    writing_paused_ = true;
    reactor_.call_soon(*this, lane_);
}

void Connection::touch() noexcept {
    if (rare_ && rare_->idle) rare_->idle->touch();
}

uint64_t Connection::queued() const noexcept { return reactor_.driver().queued(socket_); }

void Connection::set_write_limits(std::size_t high, std::size_t low) noexcept {
    write_high_ = static_cast<uint32_t>(high);
    reactor_.driver().set_low_mark(socket_, static_cast<uint32_t>(std::min(low, high)));
    if (end_ == End::none) check_high_mark();
}

void Connection::pause_reading() noexcept { reactor_.driver().pause(socket_); }
void Connection::resume_reading() noexcept { reactor_.driver().resume(socket_); }

void Connection::shutdown_writing() noexcept {
    if (end_ == End::none) reactor_.driver().shutdown(socket_);
}

void Connection::close() noexcept {
    if (begin_to_close()) reactor_.driver().close(socket_);
}

void Connection::finish() noexcept {
    if (begin_to_close()) reactor_.driver().finish(socket_);
}

bool Connection::begin_to_close() noexcept {
    if (end_ != End::none) return false;
    end_ = End::closed;
    reactor_.begin_unfinished();
    return true;
}

void Connection::abort() noexcept {
    if (end_ == End::aborted) return;
    if (std::exchange(end_, End::aborted) == End::closed) reactor_.end_unfinished();
    reactor_.driver().abort(socket_);
}

void Connection::abort(Error reason) noexcept {
    if (end_ == End::aborted) return;
    if (!rare_) rare_.reset(new (std::nothrow) Rare);
    if (rare_) rare_->abort_reason = std::move(reason);
    abort();
}

void Connection::replace_protocol(std::unique_ptr<Protocol> next, std::string_view leftover) {
    if (lost_) return;
    retire(reactor_, std::exchange(protocol_, std::move(next)));
    if (std::exchange(pause_told_, false)) reactor_.call_soon(*this, lane_);
    guarded("connection_made", [this] { protocol_->connection_made(*this); });
    if (end_ == End::none && !leftover.empty()) {
        guarded("data_received", [&] { protocol_->data_received(leftover); });
    }
    if (end_ == End::none && ended_there_) end_received();
}

Address Connection::local_address() const {
    return rare_ && rare_->told_addresses ? rare_->local : reactor_.driver().local_address(socket_);
}

Address Connection::peer_address() const {
    return rare_ && rare_->told_addresses ? rare_->peer : reactor_.driver().peer_address(socket_);
}

void Connection::set_addresses(const Address& local, const Address& peer) {
    rare().local = local;
    rare().peer = peer;
    rare().told_addresses = true;
}

void Connection::set_no_delay(bool on) noexcept { reactor_.driver().set_no_delay(socket_, on); }
void Connection::set_keep_alive(bool on) noexcept { reactor_.driver().set_keep_alive(socket_, on); }

}  // namespace bine
