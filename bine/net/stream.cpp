#include "bine/net/stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "bine/base/log.h"
#include "bine/net/connection.h"

namespace bine {

namespace {

constexpr std::size_t kReadAhead = 65536;

std::unexpected<Error> another_reads() {
    return fail(Errc::local_protocol, "read a stream: another read is waiting already");
}

}  // namespace

// What the Stream and its protocol share: bytes that wait for a reader, readers and writers that wait.
class Stream::State final : public Counted {
public:
    // Bytes that have come and that nobody has taken.
    std::string_view available() const noexcept { return std::string_view(buffer_).substr(begin_); }
    bool ended() const noexcept { return ended_ || reason_; }

    std::string take(std::size_t count, std::size_t skip = 0) {
        std::string taken(available().substr(0, count));
        begin_ += count + skip;
        if (begin_ == buffer_.size()) {
            buffer_.clear();
            begin_ = 0;
        }
        return taken;
    }

    // For every read to ask first: two that wait would tear the bytes apart.
    bool is_read() const noexcept { return reader_ && reader_->wanted(); }

    // Ends when more bytes, or the end, have come.
    Deferred<> more() {
        if (transport_ && paused_) {
            paused_ = false;
            transport_->resume_reading();
        }
        reader_.emplace();
        return reader_->deferred();
    }

    // Why there are no more bytes.
    Error end_error() const {
        if (reason_ && reason_->error()) return *reason_->error();
        if (reason_ && !ended_) return Error(Errc::closed, "read a stream: it is closed");
        return Error(Errc::end_of_stream, "read a stream: the other side ended it");
    }

    void made(Transport& transport) { transport_ = &transport; }

    void received(std::string_view bytes) {
        if (begin_ > buffer_.size() / 2) {
            buffer_.erase(0, begin_);
            begin_ = 0;
        }
        buffer_.append(bytes);
        wake_reader();
        if (transport_ && !is_read() && available().size() >= kReadAhead && !paused_) {
            paused_ = true;
            transport_->pause_reading();
        }
    }

    void input_ended() {
        ended_ = true;
        wake_reader();
    }

    void lost(const CloseReason& reason) {
        transport_ = nullptr;
        reason_ = reason;
        wake_reader();
        wake_writers();
        std::vector<Promise<CloseReason>> waiting = std::exchange(closers_, {});
        for (Promise<CloseReason>& promise : waiting) std::move(promise).resolve(reason);
    }

    void wake_writers() {
        std::vector<Promise<>> waiting = std::exchange(writers_, {});
        for (Promise<>& promise : waiting) {
            if (transport_) {
                std::move(promise).resolve();
            } else {
                std::move(promise).fail(write_error());
            }
        }
    }

    // After something was handed to the transport.
    Deferred<> written() {
        if (!transport_->writing_is_paused()) return ready();
        return writers_.emplace_back().deferred();
    }

    Error write_error() const {
        if (reason_ && reason_->error()) return *reason_->error();
        return Error(Errc::closed, "write to a stream: it is closed");
    }

    Deferred<CloseReason> closed() {
        if (reason_) return ready(*reason_);
        return closers_.emplace_back().deferred();
    }

    Transport* transport() const noexcept { return transport_; }

    void hand_over(std::unique_ptr<Protocol> next) {
        Transport& transport = *std::exchange(transport_, nullptr);
        if (paused_) transport.resume_reading();
        const std::string leftover = take(available().size());
        ended_here_ = true;
        lost(CloseReason(CloseReason::Kind::closed_here));
        transport.replace_protocol(std::move(next), leftover);
    }

    // close() or abort() was called, rather than the Stream dropped.
    void end_here() noexcept { ended_here_ = true; }
    bool was_ended_here() const noexcept { return ended_here_; }

private:
    void wake_reader() {
        if (!reader_) return;
        Promise<> reader = std::move(*reader_);
        reader_.reset();
        std::move(reader).resolve();
    }

    Transport* transport_ = nullptr;
    std::string buffer_;
    std::size_t begin_ = 0;
    bool ended_ = false;
    bool paused_ = false;
    bool ended_here_ = false;
    std::optional<CloseReason> reason_;
    std::optional<Promise<>> reader_;
    std::vector<Promise<>> writers_;
    std::vector<Promise<CloseReason>> closers_;
};

class StreamProtocol : public Protocol {
public:
    explicit StreamProtocol(Ref<Stream::State> state) : state_(std::move(state)) {}

    void connection_made(Transport& transport) override { state_->made(transport); }
    void data_received(std::string_view bytes) override { state_->received(bytes); }
    bool end_received() override {
        state_->input_ended();
        return true;
    }
    void writing_resumed() override { state_->wake_writers(); }
    void connection_lost(const CloseReason& reason) override { state_->lost(reason); }

protected:
    static Stream stream_of(Ref<Stream::State> state) { return Stream(std::move(state)); }
    static Ref<Stream::State> make_state() { return Ref<Stream::State>(new Stream::State); }
    const Ref<Stream::State>& state() const noexcept { return state_; }

private:
    // Shared with the Stream, which may outlive this.
    const Ref<Stream::State> state_;
};

namespace {

// The handler of a listener, shared by all that run it.
struct SharedHandler final : Counted {
    explicit SharedHandler(StreamHandler h) : handler(std::move(h)) {}
    StreamHandler handler;
};

// Serves its connection by a coroutine.
class HandledStream final : public StreamProtocol {
public:
    explicit HandledStream(Ref<SharedHandler> handler) : StreamProtocol(make_state()), handler_(std::move(handler)) {}

    void connection_made(Transport& transport) override {
        StreamProtocol::connection_made(transport);
        ConnectionRef connection = transport.ref();
        Deferred<> serving = handler_->handler(stream_of(state()));
        std::move(serving)
            .finally([keep = handler_] { (void)keep; })
            .detach([connection, stream = state()](const Error& error) {
                if (!stream->was_ended_here()) handler_failed(connection, error);
            });
    }

private:
    // The frame has gone, and with it the Stream: the connection is closing already. That the other side ended before all
    // that was asked for came is no failure of the handler's.
    static void handler_failed(const ConnectionRef& connection, const Error& error) {
        Transport* const transport = connection.transport();
        if (!transport) return;
        if (error.is(Errc::end_of_stream)) return transport->close();
        log::warning("net", "a connection's handler failed",
                     {{"peer", transport->peer_address().to_string()}, {"error", error.text()}});
        transport->abort(error);
    }

    Ref<SharedHandler> handler_;
};

}  // namespace

Stream::Stream(Ref<State> state) noexcept : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;

Stream& Stream::operator=(Stream&& other) noexcept {
    if (this != &other) {
        Stream old(std::move(*this));
        state_ = std::move(other.state_);
    }
    return *this;
}

Stream::~Stream() {
    if (Transport* const to = transport()) to->close();
}

Deferred<std::string> Stream::read_some(std::size_t most) {
    const Ref<State> state = state_;
    if (state->is_read()) co_return another_reads();
    while (state->available().empty()) {
        if (state->ended()) {
            if (state->end_error().is(Errc::end_of_stream)) co_return std::string();
            co_return fail(state->end_error());
        }
        co_await state->more();
    }
    co_return state->take(std::min(most, state->available().size()));
}

Deferred<std::string> Stream::read_exactly(std::size_t count) {
    const Ref<State> state = state_;
    if (state->is_read()) co_return another_reads();
    while (state->available().size() < count) {
        if (state->ended()) co_return fail(state->end_error());
        co_await state->more();
    }
    co_return state->take(count);
}

Deferred<std::string> Stream::read_line(ReadLineOptions options) {
    const Ref<State> state = state_;
    std::optional<std::string> line = co_await next_line(options);
    if (!line) co_return fail(state->end_error());
    co_return std::move(*line);
}

Deferred<std::optional<std::string>> Stream::next_line(ReadLineOptions options) {
    const Ref<State> state = state_;
    if (state->is_read()) co_return another_reads();
    std::size_t scanned = 0;
    for (;;) {
        const std::string_view bytes = state->available();
        const std::size_t at = bytes.find('\n', scanned);
        std::size_t length = at == bytes.npos ? bytes.size() : at;
        if (length > 0 && bytes[length - 1] == '\r') --length;
        if (length > options.limit) {
            co_return fail(Errc::limit_exceeded, "read a line: it is longer than " + std::to_string(options.limit));
        }
        if (at != bytes.npos) co_return state->take(length, at + 1 - length);
        if (state->ended()) {
            if (!state->end_error().is(Errc::end_of_stream)) co_return fail(state->end_error());
            if (bytes.empty()) co_return std::nullopt;
            co_return state->take(bytes.size());
        }
        scanned = bytes.size();
        co_await state->more();
    }
}

Deferred<std::string> Stream::read_until(std::string delimiter, ReadUntilOptions options) {
    const Ref<State> state = state_;
    if (state->is_read()) co_return another_reads();
    std::size_t scanned = 0;
    for (;;) {
        const std::string_view bytes = state->available();
        const std::size_t at = bytes.find(delimiter, scanned);
        const std::size_t needed = at == bytes.npos ? bytes.size() : at + delimiter.size();
        if (needed > options.limit) {
            co_return fail(Errc::limit_exceeded, "read up to a delimiter: more than " + std::to_string(options.limit) +
                                                     " bytes came before it");
        }
        if (at != bytes.npos) co_return state->take(needed);
        if (state->ended()) co_return fail(state->end_error());
        scanned = bytes.size() - std::min(bytes.size(), delimiter.size() - 1);
        co_await state->more();
    }
}

Deferred<std::string> Stream::read_all(std::size_t limit) {
    const Ref<State> state = state_;
    if (state->is_read()) co_return another_reads();
    for (;;) {
        if (state->available().size() > limit) {
            co_return fail(Errc::limit_exceeded, "read all: more than " + std::to_string(limit) + " bytes came");
        }
        if (state->ended()) break;
        co_await state->more();
    }
    if (!state->end_error().is(Errc::end_of_stream)) co_return fail(state->end_error());
    co_return state->take(state->available().size());
}

Deferred<> Stream::write(std::string_view bytes) {
    Transport* const to = transport();
    if (!to || to->is_closing()) return failed(state_->write_error());
    to->write(bytes);
    return state_->written();
}

Deferred<> Stream::write(Output output) {
    Transport* const to = transport();
    if (!to || to->is_closing()) return failed(state_->write_error());
    to->write(std::move(output));
    return state_->written();
}

void Stream::shutdown_writing() noexcept {
    if (Transport* const to = transport()) to->shutdown_writing();
}

void Stream::close() noexcept {
    if (!state_) return;
    state_->end_here();
    if (Transport* const to = transport()) to->close();
}

void Stream::abort() noexcept {
    if (!state_) return;
    state_->end_here();
    if (Transport* const to = transport()) to->abort();
}

Result<> Stream::hand_over(std::unique_ptr<Protocol> next) {
    if (!transport()) return fail(state_->write_error());
    const Ref<State> state = state_;
    state->hand_over(std::move(next));
    return {};
}

Deferred<CloseReason> Stream::closed() { return state_->closed(); }

Transport* Stream::transport() const noexcept { return state_ ? state_->transport() : nullptr; }

NewStream::NewStream() : NewStream(Ref<Stream::State>(new Stream::State)) {}

NewStream::NewStream(Ref<Stream::State> state)
    : protocol(std::make_unique<StreamProtocol>(state)), stream(Stream(std::move(state))) {}

Factory stream_factory(StreamHandler handler) {
    return [shared = Ref<SharedHandler>(new SharedHandler(std::move(handler)))]() -> std::unique_ptr<Protocol> {
        return std::make_unique<HandledStream>(shared);
    };
}

Stream open_stream(Reactor& reactor, Descriptor input, Descriptor output) {
    const auto socket = reactor.driver().adopt(std::move(input), std::move(output));
    if (!socket) throw socket.error();
    NewStream made;
    Connection::start(reactor, *socket, std::move(made.protocol), Connection::Options());
    return std::move(made.stream);
}

}  // namespace bine
