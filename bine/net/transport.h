// A way for bytes to travel both ways: a socket, TLS over one, a pair in memory. Given to a Protocol.
//
// Confined to the reactor's thread. write, shutdown_writing, close and abort never call back and never block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "bine/base/error.h"
#include "bine/base/output.h"
#include "bine/driver/address.h"

namespace bine {

class ConnectionRef;
class Protocol;
class Reactor;

class Transport {
public:
    // Queues bytes; what one turn writes leaves together at its end. After close() or abort() they are dropped: the
    // connection is ending by our own wish. Ask queued() or set limits to keep the queue from growing.
    virtual void write(std::string_view bytes) = 0;  // copies
    virtual void write(Output&& output) = 0;

    // Hands what is queued to the system now, as far as it takes it at once, instead of at the end of the turn.
    virtual void flush() noexcept {}
    // Bytes that wait to be handed to the system.
    virtual uint64_t queued() const noexcept = 0;
    // writing_paused comes when queued() passes `high`, writing_resumed when it has fallen to `low`; both from the loop,
    // and both for whoever has seen writing_is_paused(). At first 64 KiB and 16 KiB. Holds at once for what is queued.
    virtual void set_write_limits(std::size_t high, std::size_t low) noexcept = 0;
    virtual bool writing_is_paused() const noexcept = 0;

    // No data_received and no end_received until resume_reading, which itself calls nothing.
    virtual void pause_reading() noexcept = 0;
    virtual void resume_reading() noexcept = 0;

    // Ends our direction once everything queued has left; the other goes on.
    virtual void shutdown_writing() noexcept = 0;
    // Ends the connection once everything queued has left. Nothing more is received.
    virtual void close() noexcept = 0;
    // The same, for when the other side has said that it sends no more ("Connection: close"): its end is not waited for.
    virtual void finish() noexcept { close(); }
    // Ends the connection at once; what is queued is lost, the other side sees a reset (over a Unix socket: perhaps an end).
    virtual void abort() noexcept = 0;
    // The same, with a reason that connection_lost will tell.
    virtual void abort(Error reason) noexcept = 0;
    // After close(), abort() or the loss of the connection.
    virtual bool is_closing() const noexcept = 0;

    // Hands the connection to `next`: the old protocol hears nothing more (no connection_lost either) and is destroyed at
    // the end of the turn; `next` gets connection_made, then data_received with `leftover` if that is not empty, then
    // end_received if the old one had it, all from this call. The old protocol must return soon after and touch its
    // transport no more.
    virtual void replace_protocol(std::unique_ptr<Protocol> next, std::string_view leftover) = 0;

    // As the system knows them, or as set_addresses told.
    virtual Address local_address() const = 0;
    virtual Address peer_address() const = 0;
    // For who knows better than the system: a PROXY header names the client behind the proxy.
    virtual void set_addresses(const Address& local, const Address& peer) = 0;
    virtual Reactor& reactor() const noexcept = 0;

    // The socket's, to look at while the connection lives; -1 where there is none.
    virtual int descriptor() const noexcept { return -1; }
    // Socket options, where there is a socket; elsewhere they do nothing. TCP starts with no_delay on, keep_alive off.
    virtual void set_no_delay(bool) noexcept {}
    virtual void set_keep_alive(bool) noexcept {}

    // A name for this connection that may be kept for ever and answers `closed` when it is gone.
    virtual ConnectionRef ref() = 0;

protected:
    ~Transport() = default;
};

}  // namespace bine
