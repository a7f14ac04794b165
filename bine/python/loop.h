// asyncio's loop on a reactor: the second lane of its turns.
//
// Theory. The reactor turns without the GIL. When Python has something to do - a socket of a Python protocol is ready, a
// callback was queued, a timer is due - the turn enters the second lane, which takes the GIL once and serves all of it:
// the driver's sinks, then serve(), which runs what call_soon queued. As asyncio does, an iteration runs what was queued
// before it began; but short iterations follow each other without a look at the network, up to kCallbacksPerTurn
// callbacks and for kWithoutALook, since a look is a system call. What comes meanwhile from the network would otherwise
// wait for a chain of callbacks that asyncio would let it come between. What was queued before such a look runs before what
// it has brought, as with asyncio. A large piece that was received has an iteration of its own (catch_up), before the next is
// received.
//
// Timers of Python have a queue of their own, on the clock of loop.time(), which a program may replace; one timer of the
// reactor stands for all of them.
//
// What C++ and Python await of each other (await.h), and whatever else must not outlive the loop, is in its list of Pending.
//
// A loop may be a guest on another one: that one watches host_fd() and calls run_ready(), which turns without waiting and
// without giving the GIL away.
//
// In a simulated world the world turns the reactor, which is not the loop's: several loops share a thread that holds the
// GIL all the time, and each is asyncio's running loop while its lane is served.
//
// Threads: the ready queue and Python's timers are the GIL's, so that call_soon_threadsafe is call_soon and a wakeup.
// Everything else is of the thread that runs the loop (before the first run: of any that holds the GIL), and who comes from
// another one is refused.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "bine/base/function.h"
#include "bine/python/handle.h"
#include "bine/python/pending.h"
#include "bine/python/state.h"
#include "bine/reactor/reactor.h"

namespace bine::python {

class Incoming;
class Watch;
class Wire;
struct AllWiresTag;
struct Network;
struct StreamTransport;

class Loop final : private LaneHooks {
public:
    // Throws Error when there is no such driver.
    Loop(State& state, PyObject* object, DriverKind driver);
    // In a world, which turns `host` and keeps it until leave_host().
    Loop(State& state, PyObject* object, Reactor& host);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    State& state() noexcept { return state_; }
    Reactor& reactor() noexcept { return *reactor_; }
    // The Python object that owns this.
    PyObject* object() noexcept { return object_; }

    // Until stop(), or until a callback raised SystemExit or KeyboardInterrupt: then -1 with that error set.
    int run();
    // One iteration. The same errors.
    int run_once();
    void stop() noexcept { stopping_ = true; }
    bool is_running() const noexcept { return running_now_; }
    // Whether another thread than the one that asks runs the loop, which may be in the middle of anything.
    bool is_elsewhere() const noexcept { return runner_ && runner_ != PyThreadState_Get(); }
    // The same; true with an error set, which says what to do.
    bool refuses_thread() const noexcept;
    bool is_closed() const noexcept { return !reactor_ || is_abandoned_; }
    // Ends the reactor; what is still open is aborted, and Python hears no more of it.
    void close() noexcept;
    // The child of a fork: what is shared with the parent is left as it is, and a run that the child returns to ends.
    void abandon() noexcept;
    // The same as close() in a world, outside of a turn. What Python has closed already goes on to its end; when the host
    // `crashes`, everything else is just forgotten, and aborted otherwise.
    void leave_host(bool crashes) noexcept;

    // Takes over the reference to a handle, the loop's own kind or asyncio's.
    void append(PyObject* handle);
    // append() from another thread than the loop's.
    void append_from_thread(PyObject* handle);
    // Runs `function` in the second lane of this turn or the next. From the loop's thread, with the GIL or without it.
    void in_lane(Function<void()> function);
    // Whether the loop's thread holds the GIL: in the lane, and while the loop does not run. To be asked by that thread.
    bool has_gil() const noexcept;
    // Holds the GIL for a block that may have come natively: what TLS has queued does.
    class InPython {
    public:
        explicit InPython(Loop& loop) noexcept : loop_(loop.has_gil() ? nullptr : &loop) {
            if (loop_) loop_->take();
        }
        ~InPython() {
            if (loop_) loop_->leave();
        }
        InPython(const InPython&) = delete;
        InPython& operator=(const InPython&) = delete;

    private:
        Loop* const loop_;
    };
    // Will be told when the loop closes, unless it unlinks itself before.
    void add(Pending& pending) noexcept { pending_.push_back(pending); }
    // Drops a reference when the GIL is held again.
    void release_later(PyObject* object) noexcept;
    // An iteration before the others that were ready have been received from, since what has come lies in the processor's
    // cache: asyncio's would be the same had the system told of one at a time. In the lane; nothing inside of a callback.
    void catch_up();
    // Native work was begun by Python: a guest must have a turn.
    void touched() noexcept {
        if (is_guest_ && !in_lane_) wake_host();
    }

    // As a guest. Null with an error set.
    PyObject* begin_as_guest() noexcept;
    // Answers whether there is more to be done at once; -1 with an error set, as run().
    int run_ready();

    // The clock: seconds, as loop.time() has them.
    double time() noexcept;
    // What loop.time() was replaced with; null for the reactor's own clock.
    PyObject* time_function() const noexcept { return time_function_.get(); }
    void set_time_function(Object function) noexcept { time_function_ = std::move(function); }
    // Seconds on whatever clock it is. NaN with an error set.
    double read_time() noexcept;
    // Takes a reference while armed.
    void arm(TimerHandle& handle) noexcept;
    void disarm(TimerHandle& handle) noexcept;

    // What the error that is set comes to: it goes to the loop's exception handler, or ends the run when it is one of
    // those that end programs. -1, with that error set, for a caller outside of the loop's own callbacks.
    int callback_failed(PyObject* handle) noexcept;
    // The same for a protocol's callback; the transport is aborted.
    void protocol_failed(StreamTransport& transport, const char* message) noexcept;
    // The same for the protocol factory of a connection that came in.
    void incoming_failed() noexcept;
    // For a failure that the transport outlives.
    void report(StreamTransport& transport, const char* message) noexcept;
    // True when the error that is set is SystemExit or KeyboardInterrupt: it is kept, to be raised by run().
    bool take_exit() noexcept;
    // Errors of the loop's own reports cannot go anywhere but to sys.unraisablehook.
    static void report_unraisable(PyObject* where) noexcept;
    // The same for the error of what nobody waits for; one that ends programs ends the run.
    void report_unheard(PyObject* where) noexcept;

    // Readers and writers, by descriptor. Null with an error set; the handles are taken over. `socket` may be null.
    Watch* watch(int fd) noexcept;
    PyObject* add_reader(int fd, PyObject* file, PyObject* handle, PyObject* socket);
    PyObject* add_writer(int fd, PyObject* file, PyObject* handle, PyObject* socket);
    bool remove_reader(int fd) noexcept;
    bool remove_writer(int fd) noexcept;
    // The descriptor that a file is watched under, which it may have closed; -1 when it is not watched.
    int watched_as(PyObject* file) const noexcept;

    // Made when it is first asked for.
    Network& network();

    // Transports by descriptor, so that nobody reads from a socket that one has.
    void set_transport(int fd, StreamTransport* transport);
    void forget_transport(int fd, StreamTransport* transport) noexcept;
    StreamTransport* transport_of(int fd) const noexcept;
    // In a world: what has no descriptor is found here.
    void add_wire(Wire& wire) noexcept;

    // Listening sockets, by descriptor; in a world, which has none, by a number of its choice.
    PyObject* start_serving(int fd, std::unique_ptr<Incoming> incoming);
    void keep_serving(int number, std::unique_ptr<Incoming> incoming);
    void stop_serving(int fd) noexcept;

    int traverse(visitproc visit, void* arg) noexcept;
    void clear_references() noexcept;

    bool debug = false;

private:
    static constexpr int kCallbacksPerTurn = 64;
    static constexpr Duration kWithoutALook = std::chrono::microseconds(20);

    void drop_handles() noexcept;

    // The reactor's timer that stands for the queue of Python's.
    class Bell final : public Timer {
    public:
        explicit Bell(Loop& loop) : loop_(loop) {}
        void expired() override { loop_.has_work_ = true; }

    private:
        Loop& loop_;
    };

    void enter() override;
    void take();
    bool has_work() const noexcept override { return has_work_.load(std::memory_order_relaxed); }
    void serve() override;
    void leave() override;

    void end_pending() noexcept;
    void run_functions();
    void release_dead() noexcept;
    void wake_host() noexcept;
    int raise_exit() noexcept;
    void expire_timers() noexcept;
    int iterate();
    void run(PyObject* handle);
    void put_back(std::size_t from);
    bool is_ours(PyObject* handle) const noexcept {
        return Py_IS_TYPE(handle, state_.handle_type) || Py_IS_TYPE(handle, state_.timer_handle_type);
    }
    int visit_any(PyObject* handle, visitproc visit, void* arg) noexcept;
    void set_bell() noexcept;
    void tell_world(const char* method, PyObject* argument) noexcept;

    State& state_;
    PyObject* const object_;
    Reactor* reactor_;  // its own, but in a world; null when closed
    const bool in_world_ = false;
    PyThreadState* runner_ = nullptr;  // while it runs
    PyThreadState* thread_ = nullptr;  // while the GIL is not held by a run
    std::atomic<bool> has_work_{false};
    bool running_now_ = false;
    bool in_lane_ = false;
    bool is_iterating_ = false;
    bool stopping_ = false;
    bool done_ = false;               // the run is to end with this turn
    bool was_cut_short_ = false;      // what was queued waited for a look at the network
    bool has_stopped_early_ = false;  // before what that look has brought
    bool is_abandoned_ = false;
    bool is_guest_ = false;
    bool host_woken_ = false;
    Object exit_;  // what ends the run
    std::vector<PyObject*> ready_;
    std::vector<PyObject*> iteration_;
    std::size_t next_ = 0;  // the first of iteration_ that has not run
    std::vector<Function<void()>> functions_;
    std::vector<PyObject*> dead_;  // references given up without the GIL
    IntrusiveList<Pending, Pending> pending_;
    std::unique_ptr<Network> network_;
    TimerQueue timers_;
    IntrusiveList<TimerHandle::Alarm, AllTimersTag> all_timers_;
    Bell bell_{*this};
    Object time_function_;
    std::vector<std::unique_ptr<Watch>> watches_;
    std::vector<StreamTransport*> transports_;
    std::vector<std::pair<int, std::unique_ptr<Incoming>>> incoming_;
    IntrusiveList<Wire, AllWiresTag> wires_;
};

// Of an object of the loop's type.
Loop& loop_of(PyObject* object) noexcept;

}  // namespace bine::python
