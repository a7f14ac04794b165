// A stream socket with a protocol on it: the driver's Sink below, the protocol's Transport above.
//
// A Connection owns its protocol and is itself owned by its reactor: it is destroyed at the end of the turn in which
// connection_lost was called. Whoever wants to keep hold of it keeps a ConnectionRef.
#pragma once

#include <memory>
#include <optional>

#include "bine/async/scheduler.h"
#include "bine/driver/driver.h"
#include "bine/net/admission.h"
#include "bine/net/close_reason.h"
#include "bine/net/connection_ref.h"
#include "bine/net/options.h"
#include "bine/net/protocol.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"

namespace bine {

class Connection final : public Transport, private Sink, private Call, private Disposable {
public:
    using Options = ConnectionOptions;

    // Starts `protocol` on an open, paused socket of the reactor's driver: connection_made is called from here.
    static Connection& start(Reactor& reactor, SocketId socket, std::unique_ptr<Protocol> protocol,
                             const Options& options, Ref<Admission> admission = {});

    // Connects first. `factory` is called when that has succeeded; `done` then with null, or with what went wrong.
    // Answers a handle for cancel_connect(), which makes `done` never called.
    using ConnectDone = Function<void(const Error*)>;
    static Result<Connection*> connect(Reactor& reactor, const Address& remote, const Address& local, Factory factory,
                                       ConnectDone done, const Options& options);
    void cancel_connect() noexcept;

    void write(std::string_view bytes) override;
    void write(Output&& output) override;
    void flush() noexcept override { reactor_.driver().flush(socket_); }
    uint64_t queued() const noexcept override;
    void set_write_limits(std::size_t high, std::size_t low) noexcept override;
    bool writing_is_paused() const noexcept override { return writing_paused_; }
    void pause_reading() noexcept override;
    void resume_reading() noexcept override;
    void shutdown_writing() noexcept override;
    void close() noexcept override;
    void finish() noexcept override;
    void abort() noexcept override;
    void abort(Error reason) noexcept override;
    bool is_closing() const noexcept override { return end_ != End::none; }
    void replace_protocol(std::unique_ptr<Protocol> next, std::string_view leftover) override;
    Address local_address() const override;
    Address peer_address() const override;
    void set_addresses(const Address& local, const Address& peer) override;
    Reactor& reactor() const noexcept override { return reactor_; }
    int descriptor() const noexcept override { return reactor_.driver().descriptor(socket_); }
    void set_no_delay(bool on) noexcept override;
    void set_keep_alive(bool on) noexcept override;
    ConnectionRef ref() override { return cell_.ref(*this); }

private:
    enum class End : uint8_t { none, closed, aborted };
    struct Pending;
    struct Rare;
    class IdleTimer;

    Connection(Reactor& reactor, const Options& options);
    ~Connection() override;

    void make(std::unique_ptr<Protocol> protocol);
    void check_high_mark() noexcept;
    bool begin_to_close() noexcept;
    void touch() noexcept;
    Rare& rare();
    std::unique_ptr<Pending> take_pending() noexcept;
    CloseReason reason_of(const Error* error) const;
    void give_reason(Error reason);
    template <class F>
    void guarded(std::string_view what, F&& callback) noexcept;

    void connected() override;
    void data_received(std::string_view bytes) override;
    void end_received() override;
    void drained() override;
    void descriptor_received(Descriptor descriptor) override;
    void closed(const Error* error) override;
    void call() override;

    Reactor& reactor_;
    SocketId socket_;
    std::unique_ptr<Protocol> protocol_;
    std::unique_ptr<Rare> rare_;  // what few connections have
    Ref<Admission> admission_;
    ConnectionCell cell_;
    uint32_t write_high_ = 65536;
    End end_ = End::none;
    bool writing_paused_ = false;
    bool pause_told_ = false;
    Lane lane_ : 1 = Lane::native;
    bool ended_there_ : 1 = false;
    bool lost_ : 1 = false;
};

}  // namespace bine
