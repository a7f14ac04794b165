// asyncio's transport over a bine transport: TCP, Unix, TLS.
//
// StreamTransport is what a Python object of that type holds, behind the layout of asyncio's own base class. Wire is the
// protocol below it: it owns a reference to the object from connection_made to connection_lost, and calls Python in the
// second lane only. Everything else needs the GIL and the loop's thread.
#pragma once

#include "bine/base/intrusive_list.h"
#include "bine/net/protocol.h"
#include "bine/net/transport.h"
#include "bine/python/incoming.h"
#include "bine/python/state.h"
#include "bine/python/tls_context.h"

namespace bine::python {

class Loop;
class Wire;
struct AllWiresTag;

struct StreamTransport {
    // Where it begins in an object; the same for every interpreter of a process.
    static Py_ssize_t offset;
    static constexpr uint32_t kHigh = 65536;

    PyObject* object() noexcept { return reinterpret_cast<PyObject*>(reinterpret_cast<char*>(this) - offset); }
    static StreamTransport& of(PyObject* object) noexcept {
        return *reinterpret_cast<StreamTransport*>(reinterpret_cast<char*>(object) + offset);
    }

    Loop* loop;              // null when its end has been told
    bine::Transport* below;  // null when lost
    Wire* wire;
    PyObject* loop_object;
    PyObject* protocol;
    PyObject* receive;  // its data_received, or get_buffer when it is a buffered one
    PyObject* context;
    PyObject* server;
    PyObject* waiter;       // of who connects, until connection_made has been called
    PyObject* extra;        // a dict, or null
    PyObject* socket;       // a socket.socket for the descriptor, detached at the end
    PyObject* socket_view;  // the TransportSocket around it
    PyObject* local_name;
    PyObject* peer_name;
    PyObject* exception;     // why it was aborted
    PyObject* empty_waiter;  // of who sends a file by itself: done when nothing is queued
    PyObject* dictionary;
    PyObject* weak_references;
    int fd;
    uint32_t writes_in_vain;
    uint32_t high;
    uint32_t low;
    bool is_buffered;
    bool feeds_reader;  // `receive` is that of asyncio's streams
    bool is_closing;
    bool is_flushing;  // closing, and something waits to be sent
    bool is_aborted;
    bool is_paused;
    bool is_made;    // connection_made has been called
    bool has_ended;  // write_eof was called
    bool is_protocol_paused;
    bool is_handshaking;  // `below` is what TLS is being begun on
    bool is_taken_over;  // by start_tls(), from a transport that had begun: its protocol has had connection_made before
};

// Null with an error set. `context`, `waiter`, `extra` and `server` may be null.
StreamTransport* make_transport(Loop& loop, PyObject* protocol, PyObject* context, PyObject* waiter, PyObject* extra,
                                PyObject* server);
// A connection for a socket of Python's, which is detached when the connection has ended. `tls` may be null; otherwise the
// protocol hears of it when the handshake is done. -1 with an error set.
int open_transport(StreamTransport& transport, PyObject* socket, const TlsSide* tls);
// TLS on the connection that `plain` has: to `plain` it is over, and what it has belongs to the transport that is answered, for
// `protocol`. Null with an error set.
PyObject* start_tls(StreamTransport& plain, PyObject* protocol, PyObject* waiter, const TlsSide& tls);

// Null with an error set.
PyObject* close_transport(StreamTransport& transport);

// The parts of its life that Wire tells it of.
// A null exception: nothing is queued any more.
// Tells who waits for the beginning, if anybody does: null for success.
void settle_waiter(StreamTransport& transport, PyObject* exception) noexcept;
void settle_empty_waiter(StreamTransport& transport, PyObject* exception) noexcept;
void warn_unclosed(StreamTransport& transport) noexcept;
// Gives back the socket and what it held.
void end_transport(StreamTransport& transport) noexcept;

class Wire final : public Protocol, public ListHook<AllWiresTag> {
public:
    // For an object that is there.
    Wire(Loop& loop, StreamTransport& transport);
    // For a connection that is there, or came in: it meets its object in the lane.
    Wire(Loop& loop, Ref<Acceptance> acceptance);
    ~Wire() override;

    void connection_made(bine::Transport& transport) override;
    void data_received(std::string_view bytes) override;
    bool end_received() override;
    void writing_resumed() override;
    void connection_lost(const CloseReason& reason) override;

    // Calls the protocol's connection_made, begins to read, and tells who waits.
    void begin();
    // asyncio's transports tell connection_lost in the next iteration when nothing waits to be sent: so does this, without
    // waiting for the driver.
    void end();
    // The loop leaves its host: Python hears no more. What it has closed goes on to its end; what it has not is aborted, unless
    // the host `crashes`, and warned of.
    void forsake(bool crashes) noexcept;
    // What a buffered protocol left when it paused reading.
    bool holds_data() const noexcept { return !held_.empty(); }
    void deliver_held();
    // The connection goes to somebody else: the object hears no more of it. Answers what it has not taken.
    std::string give_up_transport() noexcept;

private:
    void welcome();
    Object make_object(Acceptance& acceptance);
    void refused(Acceptance& acceptance) noexcept;
    void attach(StreamTransport& transport) noexcept;
    void hand_on(StreamTransport& transport, std::string_view bytes);
    void deliver_into_buffers(std::string_view bytes);
    std::size_t deliver_into_buffer(std::string_view bytes);
    void tell_lost(const CloseReason& reason);
    void let_go() noexcept;

    Loop& loop_;
    bine::Transport* below_ = nullptr;
    StreamTransport* owner_ = nullptr;  // a reference to its object
    Ref<Acceptance> acceptance_;
    std::string held_;
};

}  // namespace bine::python
