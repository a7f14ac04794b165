// TLS without I/O, over OpenSSL: records in and plain bytes out, plain bytes in and records out. Inner part of the layer.
//
// Theory. OpenSSL is given a BIO that reads from the input of the call that is under way and writes to its output; it keeps the
// beginning of a record that has not come whole, and nothing else of what it has read. What an engine holds between calls is
// OpenSSL's connection, which gives its buffers back while it is idle. The time that certificates are held against is the
// reactor's, not the system's.
//
// After an error the engine is dead: each call answers the same error. What it appended to the output (the alert that tells
// the other side) should still be sent. Confined to its thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/tls/context_state.h"

namespace bine::tls {

class Engine {
public:
    // `name` is whom a client means.
    Engine(Context context, std::string name);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // First. Errors: throws Error (out of memory).
    void begin(WallTime now);
    bool is_server() const noexcept { return context().server.has_value(); }

    // Takes from the front of `input`, appends to `output`. True once it is done; before that, all of `input` was taken.
    Result<bool> handshake(std::string_view& input, Output& output);
    bool is_open() const noexcept { return open_; }

    // Plain bytes into `into`: how many. 0 when more input is needed, or when the other side has ended (ended()).
    Result<std::size_t> read(std::string_view& input, std::span<char> into, Output& output);
    // The other side's close_notify has come.
    bool ended() const noexcept { return ended_; }
    Result<> write(std::string_view bytes, Output& output);
    // Our close_notify. Once.
    void end(Output& output);

    SSL& ssl() const noexcept { return *ssl_; }
    const std::string& name() const noexcept { return name_; }

    // For the callbacks of OpenSSL.
    static Engine& of(const SSL& ssl) noexcept { return *static_cast<Engine*>(SSL_get_app_data(&ssl)); }
    Context::State& context() const noexcept { return context_.state(); }
    const Hosts& hosts() const noexcept { return *hosts_; }
    WallTime now() const noexcept { return now_; }
    // Why a callback is going to refuse: better words than OpenSSL will have.
    void refuse(Error error) {
        if (!refusal_) refusal_ = std::move(error);
    }

private:
    class Visit;
    static BIO_METHOD* bio_method();
    static int bio_read(BIO* bio, char* into, int most);
    static int bio_write(BIO* bio, const char* bytes, int count);
    static long bio_control(BIO* bio, int command, long number, void* pointer);

    void connect_to_name();
    Error fail_with(int code);

    Context context_;
    std::shared_ptr<const Hosts> hosts_;
    std::string name_;
    WallTime now_{};
    OwnedSsl ssl_;
    std::string_view* input_ = nullptr;  // during a call
    Output* output_ = nullptr;
    std::optional<Error> refusal_;
    std::optional<Error> error_;
    bool open_ = false;
    bool ended_ = false;
    bool no_memory_ = false;
};

}  // namespace bine::tls
