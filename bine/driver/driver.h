// The seam below the reactor: all that is not computed comes from here - time, chance, sockets, descriptors, threads.
// One implementation a world: epoll, io_uring, simulated.
//
// A Driver owns socket slots, named by index and generation, so that an event of a socket that is gone finds nobody. It
// knows sinks, no protocol, and calls them only from wait() (native lane) and serve_second_lane() (second lane); no other
// method ever calls back. No callback may throw. Confined to the reactor's thread, but for wake() and what ThreadTask says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bine/base/descriptor.h"
#include "bine/base/function.h"
#include "bine/base/intrusive_list.h"
#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/base/slot_id.h"
#include "bine/base/time.h"
#include "bine/driver/address.h"
#include "bine/driver/lane.h"

namespace bine {

using SocketId = SlotId;

// How long bytes given to send() stay valid: until it returns, or for ever. Received bytes may be sent on from inside of
// data_received(): a driver that owns their memory then sends them from there.
enum class Lifetime : uint8_t { copy, fixed };

// What happens to a stream socket.
class Sink {
public:
    // A connect() has succeeded.
    virtual void connected() {}
    // Push: bytes, valid during the call. Asked-for: `bytes` lies in the memory that get_buffer() gave.
    virtual void data_received(std::string_view bytes) = 0;
    // Asked-for: where the next bytes shall go; asked right before they are read. Empty pauses the socket.
    virtual std::span<char> get_buffer() { return {}; }
    // The other side has ended its direction; nothing follows but drained() and closed().
    virtual void end_received() = 0;
    // The queue has fallen to the low mark (send()) or below after it had been above.
    virtual void drained() {}
    // Descriptors came along with the bytes that follow (Unix sockets).
    virtual void descriptor_received(Descriptor descriptor) { (void)descriptor; }
    // Last, once: the slot is free when it returns. Null after close() and after an end in good order of both sides.
    virtual void closed(const Error* error) = 0;

protected:
    ~Sink() = default;
};

// What happens to a listening socket.
class AcceptSink {
public:
    // A connection, paused and without a sink: attach() one or close() it, in this call.
    virtual void accepted(SocketId id, const Address& peer) = 0;
    // accept failed for want of something (EMFILE, ENOMEM). The listener is paused; resume() it later.
    virtual void accept_failed(const Error& error) = 0;

protected:
    ~AcceptSink() = default;
};

class DatagramSink {
public:
    virtual void datagram_received(std::string_view bytes, const Address& from) = 0;
    // A send failed, or an ICMP error came back. The socket goes on.
    virtual void send_failed(const Error& error) = 0;

protected:
    ~DatagramSink() = default;
};

// What happens to a descriptor of somebody else's.
class WatchSink {
public:
    virtual void ready(bool readable, bool writable) = 0;

protected:
    ~WatchSink() = default;
};

// Work for another thread. Lifetime: until done() or abandoned(), either of which may destroy it.
class ThreadTask : public ListHook<> {
public:
    virtual void work() noexcept = 0;     // on some thread
    virtual void done() = 0;              // then, on the reactor's, from wait()
    virtual void abandoned() noexcept {}  // instead of done(), when the reactor has ended

protected:
    ~ThreadTask() = default;
};

struct ListenOptions {
    int backlog = 1024;
    bool reuse_port = false;
    bool v6_only = true;
    uint32_t unix_mode = 0;  // permissions of a Unix path; 0 leaves them to the umask
};

// The drivers of the real world.
enum class DriverKind : uint8_t { automatic, epoll, uring };

// A peek into a driver for `bine env`, the start-up line and tests.
struct DriverInfo {
    std::string_view name;  // "epoll"
    std::string reason;     // why this one runs
};

class Driver {
public:
    virtual ~Driver() = default;
    virtual DriverInfo info() const = 0;
    // A world of its own: without descriptors of the system, and with time and chance that can be had again.
    virtual bool is_simulated() const noexcept { return false; }

    // Time and chance.
    virtual TimePoint now() noexcept = 0;
    virtual WallTime wall_now() noexcept = 0;
    virtual void random(std::span<char> bytes) noexcept = 0;

    // Sends what is queued, waits until something happens, `deadline` comes or wake() is called, and calls the native
    // sinks. TimePoint::min() only looks. Nested calls are legal (from inside a sink).
    virtual void wait(TimePoint deadline) = 0;
    virtual bool second_lane_has_work() const noexcept = 0;
    virtual void serve_second_lane() = 0;
    // From any thread: ends the wait that is under way, or else the next one.
    virtual void wake() noexcept = 0;
    // Readable when wait() would have something to do; the deadline is that of prepare_sleep(). -1 when there is none.
    virtual int host_fd() const noexcept = 0;
    // For guests, before the host sleeps: sends what is queued, and makes host_fd() readable at `deadline`.
    virtual void prepare_sleep(TimePoint deadline) = 0;

    // Streams. A new one is paused; nothing of it is reported before attach().
    virtual Result<SocketId> listen(const Address& address, const ListenOptions& options, AcceptSink& sink) = 0;
    // The outcome is sink.connected() or sink.closed(error). `local` is where to connect from, or no address.
    virtual Result<SocketId> connect(const Address& remote, const Address& local, Sink& sink, Lane lane) = 0;
    // A descriptor made elsewhere, read from `input` and written to `output` (the same, or a pair of pipes).
    virtual Result<SocketId> adopt(Descriptor input, Descriptor output) = 0;
    virtual Result<SocketId> adopt_listener(Descriptor socket, AcceptSink& sink) = 0;
    // Gives the descriptor back, and the slot is free without closed(). Only of a stream that has not been read yet, with an
    // empty queue; no descriptor otherwise.
    virtual Descriptor release(SocketId id) = 0;
    virtual void attach(SocketId id, Sink& sink, Lane lane) noexcept = 0;
    // From now on the events go to `sink`; received bytes go where it asks when `asked_for`.
    virtual void set_sink(SocketId id, Sink& sink, Lane lane, bool asked_for) noexcept = 0;

    // No data and no end between pause() and resume(); a reset may be reported. Also for listeners and datagrams.
    virtual void pause(SocketId id) noexcept = 0;
    virtual void resume(SocketId id) noexcept = 0;
    // Both queue; what is queued leaves at the next wait(), or at once when it is much. Errors come to closed().
    virtual void send(SocketId id, std::string_view bytes, Lifetime lifetime) = 0;
    virtual void send(SocketId id, Output&& output) = 0;
    // Sends what is queued now instead, as far as the system takes it at once. A driver may leave it to the next wait().
    virtual void flush(SocketId) noexcept {}
    virtual uint64_t queued(SocketId id) const noexcept = 0;
    virtual void set_low_mark(SocketId id, uint32_t bytes) noexcept = 0;
    // Ends our direction behind the queue.
    virtual void shutdown(SocketId id) noexcept = 0;
    // Ends the socket behind the queue; no data comes any more. closed(null) comes when the queue is empty; the slot then
    // discards what still arrives until the other side has ended, for a few seconds at most, so that no reset kills what
    // was sent. Listeners and datagram sockets are gone at once, without a call.
    virtual void close(SocketId id) noexcept = 0;
    // The same for a stream whose other side has said that it sends no more: the slot need not wait for its end. If it did send
    // more, as far as can be seen when the queue is empty, it is close().
    virtual void finish(SocketId id) noexcept { close(id); }
    // From now on it ends as the system's close(2) does: close() waits for the queue alone, abort() sends no reset of its own, and
    // what becomes of bytes that nobody read is the system's affair. For who has promised just that.
    virtual void end_plainly(SocketId) noexcept {}
    // Ends it at once with a reset. closed(null) comes from a later wait.
    virtual void abort(SocketId id) noexcept = 0;
    // The end of a reactor: aborts every stream, ends all else without a call, waits for the work that is under way in
    // threads and abandons every task.
    virtual void abort_all() noexcept = 0;
    // Streams that are still there, those that discard included: what the end of a reactor waits for.
    virtual std::size_t open_sockets() const noexcept = 0;

    virtual Address local_address(SocketId id) const = 0;
    virtual Address peer_address(SocketId id) const = 0;
    // To look at, as long as the socket lives; -1 where the system knows none of it.
    virtual int descriptor(SocketId) const noexcept { return -1; }
    virtual void set_no_delay(SocketId id, bool on) noexcept = 0;
    virtual void set_keep_alive(SocketId id, bool on) noexcept = 0;

    // Datagrams. A socket connected to `remote` hears nobody else. close() ends it.
    virtual Result<SocketId> open_datagram(const Address& local, const Address& remote, DatagramSink& sink) = 0;
    // Sent at once or, when the buffer is full, dropped with Errc of the system, as UDP does. No address: the connected one.
    virtual Result<> send_datagram(SocketId id, std::string_view bytes, const Address& to) = 0;

    // Descriptors of others', level-triggered. unsupported where there are none (simulation).
    virtual Result<SocketId> watch(int fd, bool readable, bool writable, WatchSink& sink, Lane lane) = 0;
    virtual Result<> rewatch(SocketId id, bool readable, bool writable) = 0;
    virtual void unwatch(SocketId id) noexcept = 0;

    virtual void run_in_thread(ThreadTask& task) = 0;
    // Calls `found` with each address that a host name has, with port 0. For the work of a task: it takes its time, and any
    // thread may ask. The system's resolver, but for a driver that has names of its own. Errors: not_found, with the name
    // and the resolver's words, when there is none.
    virtual Result<> look_up(const std::string& name, Address::Family family, Function<void(const Address&)> found);
};

}  // namespace bine
