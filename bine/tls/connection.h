// TLS on a transport: the protocol of the one below, the transport of the protocol above. Inner part of the layer.
//
// Theory. What comes from below goes through the engine at once, a record at a time, and up; only while the reader above is
// paused, or a handshake waits for its turn, encrypted bytes are kept in `tail_` and the transport below is paused. What is
// written from above is encrypted at once and queued below; only behind a part of a file, which is read piece by piece, in a
// thread unless the kernel has it in memory, it waits in `waiting_`. The transport below is told marks that say when it can take the next piece; the marks of the
// one above are kept here.
//
//     handshake --done--> open --close(), failure, loss--> closing --> lost
//         `-- failed or timed out: nobody above was made --^
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "bine/async/scheduler.h"
#include "bine/net/connection_ref.h"
#include "bine/net/protocol.h"
#include "bine/net/transport.h"
#include "bine/net/wire_protocol.h"
#include "bine/tls/engine.h"
#include "bine/tls/gate.h"
#include "bine/tls/protocols.h"
#include "bine/tls/session.h"

namespace bine::tls {

class TlsConnection final : public Protocol, public Transport, public Session, private Call, private Gate::Visitor {
public:
    struct Setup {
        Context context;
        std::string name;  // whom a client means
        Factory inner;
        HandshakeDone done;
        HandshakeOptions options;
        Ref<Gate> gate;
    };

    explicit TlsConnection(Setup setup);
    ~TlsConnection() override;

    // Of the transport below.
    void connection_made(Transport& below) override;
    void data_received(std::string_view bytes) override;
    bool end_received() override;
    void writing_resumed() override;
    void connection_lost(const CloseReason& reason) override;

    // For the protocol above.
    void write(std::string_view bytes) override;
    void write(Output&& output) override;
    void flush() noexcept override {
        if (!lost_) below_->flush();
    }
    uint64_t queued() const noexcept override;
    void set_write_limits(std::size_t high, std::size_t low) noexcept override;
    bool writing_is_paused() const noexcept override { return writing_paused_; }
    void pause_reading() noexcept override;
    void resume_reading() noexcept override;
    void shutdown_writing() noexcept override;
    void close() noexcept override;
    void abort() noexcept override;
    void abort(Error reason) noexcept override;
    bool is_closing() const noexcept override { return closing_; }
    void replace_protocol(std::unique_ptr<Protocol> next, std::string_view leftover) override;
    Address local_address() const override { return below_->local_address(); }
    Address peer_address() const override { return below_->peer_address(); }
    void set_addresses(const Address& local, const Address& peer) override { below_->set_addresses(local, peer); }
    Reactor& reactor() const noexcept override { return *reactor_; }
    int descriptor() const noexcept override { return below_->descriptor(); }
    void set_no_delay(bool on) noexcept override { below_->set_no_delay(on); }
    void set_keep_alive(bool on) noexcept override { below_->set_keep_alive(on); }
    ConnectionRef ref() override { return cell_.ref(*this); }

    std::string_view version() const noexcept override;
    std::string_view cipher() const noexcept override;
    std::string_view alpn() const noexcept override;
    std::string_view server_name() const noexcept override;
    bool resumed() const noexcept override;
    std::optional<Certificate> peer_certificate() const override;
    std::vector<Certificate> peer_chain() const override;
    std::string channel_binding() const override;

private:
    class Handshake;
    class FileRead;

    void run(std::string_view input);
    void take(std::string_view& input);
    bool step_handshake(std::string_view& input);
    void opened();
    bool read_record(std::string_view& input);
    void answer(Output&& output);
    void tell_end();
    void fail(Error error);
    void tell_handshake_failed(const Error& error);
    template <class F>
    void guarded(std::string_view what, F&& callback) noexcept;

    void pump();
    void encrypt_waiting();
    void encrypt(std::string_view bytes);
    bool encrypt_cached(const Output::FileRange& range);
    void read_file(const Output::FileRange& range);
    void file_read(Result<std::string> bytes);
    void end_if_flushed();
    void send_close_notify();

    void check_high_mark() noexcept;
    void check_low_mark();
    void tell_writing_paused();

    void call() override;
    void enter_now() override;
    bool may_deliver() const noexcept { return !paused_ && !closing_ && !failure_; }

    Reactor* reactor_ = nullptr;
    Transport* below_ = nullptr;
    Engine engine_;
    std::unique_ptr<Handshake> handshake_;  // until it is done
    std::unique_ptr<Protocol> protocol_;    // from then on
    InputTail tail_;
    std::string meanwhile_;  // came in a turn inside of a callback
    Output waiting_;         // behind a part of a file
    FileRead* file_read_ = nullptr;
    std::optional<Error> failure_;
    ConnectionCell cell_;
    uint64_t answered_ = 0;  // bytes of TLS's own, since nothing was queued
    std::size_t high_ = 65536;
    std::size_t low_ = 16384;
    bool running_ = false;
    bool gated_ = false;   // waits for the gate
    bool let_in_ = false;  // by the gate, just now
    bool paused_ = false;
    bool told_end_ = false;
    bool writing_paused_ = false;
    bool pause_told_ = false;
    bool end_wanted_ = false;  // shutdown_writing() or close()
    bool end_sent_ = false;
    bool closing_ = false;
    bool lost_ = false;
};

}  // namespace bine::tls
