// The driver on Linux's epoll. Internal to this layer: programs name it by DriverKind::epoll.
//
// Theory. Level-triggered, one recv per readable socket and turn into a buffer that all share, so an idle connection owns
// no memory and none can starve the others. What is written gathers in the slot's queue; slots with something queued are
// on a list, and wait() sends it, one sendmsg each, before it polls. Large writes on an empty queue go out at once, from
// the caller's memory. EPOLLOUT is asked for only while there is a backlog. Pausing leaves EPOLLIN set until an event
// comes that nobody wants, so that a short pause costs no system call.
//
// How a stream slot ends (fd closed means: the descriptor is; the slot goes when closed() has been called):
//
//   open --close()--> closing (queue leaves, input is discarded) --queue empty--> shutdown, closed(null) is reported
//        --------------------------------------------------------> lingering (no sink) --end, reset, 5 s--> gone
//   open --finish()--> closing --queue empty, nothing to discard came--> fd closed, closed(null) is reported --> gone
//   open --abort() or an error of the system--> fd closed, closed(...) is reported at the next wait --> gone
//   open --both directions have ended--> fd closed, closed(null) is reported at the next wait --> gone
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "bine/base/slab.h"
#include "bine/driver/driver.h"
#include "bine/driver/system_calls.h"
#include "bine/driver/thread_pool.h"

namespace bine {

class EpollDriver final : public Driver {
public:
    // Throws Error when the system has no epoll instance or eventfd left. `first`: where the indexes of its names begin.
    EpollDriver(std::string reason, SystemCalls& system, uint32_t first = 0);
    ~EpollDriver() override;

    DriverInfo info() const override { return {"epoll", reason_}; }
    TimePoint now() noexcept override;
    WallTime wall_now() noexcept override;
    void random(std::span<char> bytes) noexcept override;

    void wait(TimePoint deadline) override;
    // For who waits for host_fd() in its place: sends what is queued; answers until when a wait may sleep, `deadline` at most.
    TimePoint before_wait(TimePoint deadline) noexcept;
    bool second_lane_has_work() const noexcept override;
    void serve_second_lane() override;
    void wake() noexcept override;
    int host_fd() const noexcept override { return epoll_.get(); }
    void prepare_sleep(TimePoint deadline) override;

    Result<SocketId> listen(const Address& address, const ListenOptions& options, AcceptSink& sink) override;
    Result<SocketId> connect(const Address& remote, const Address& local, Sink& sink, Lane lane) override;
    Result<SocketId> adopt(Descriptor input, Descriptor output) override;
    Result<SocketId> adopt_listener(Descriptor socket, AcceptSink& sink) override;
    Descriptor release(SocketId id) override;
    void attach(SocketId id, Sink& sink, Lane lane) noexcept override;
    void set_sink(SocketId id, Sink& sink, Lane lane, bool asked_for) noexcept override;
    void pause(SocketId id) noexcept override;
    void resume(SocketId id) noexcept override;
    void send(SocketId id, std::string_view bytes, Lifetime lifetime) override;
    void send(SocketId id, Output&& output) override;
    void flush(SocketId id) noexcept override;
    uint64_t queued(SocketId id) const noexcept override;
    void set_low_mark(SocketId id, uint32_t bytes) noexcept override;
    void shutdown(SocketId id) noexcept override;
    void close(SocketId id) noexcept override;
    void finish(SocketId id) noexcept override;
    void end_plainly(SocketId id) noexcept override;
    void abort(SocketId id) noexcept override;
    void abort_all() noexcept override;
    std::size_t open_sockets() const noexcept override { return streams_; }

    Address local_address(SocketId id) const override;
    Address peer_address(SocketId id) const override;
    int descriptor(SocketId id) const noexcept override;
    void set_no_delay(SocketId id, bool on) noexcept override;
    void set_keep_alive(SocketId id, bool on) noexcept override;

    Result<SocketId> open_datagram(const Address& local, const Address& remote, DatagramSink& sink) override;
    Result<> send_datagram(SocketId id, std::string_view bytes, const Address& to) override;

    Result<SocketId> watch(int fd, bool readable, bool writable, WatchSink& sink, Lane lane) override;
    Result<> rewatch(SocketId id, bool readable, bool writable) override;
    void unwatch(SocketId id) noexcept override;

    void run_in_thread(ThreadTask& task) override { threads_.submit(task); }

private:
    struct FlushTag;
    struct NoticeTag;
    struct RareTag;
    struct Slot;
    // What one depth of nested waits needs for itself: outer callbacks still look at the outer buffer.
    struct Level;
    struct Event {
        SocketId id;
        uint32_t events;
    };
    class Descent;
    enum class Kind : uint8_t { stream, listener, datagram, watch };
    enum class Phase : uint8_t { connecting, open, closing, lingering, ended };

    void add_level();
    std::pair<SocketId, Slot*> add(Kind kind, Descriptor input);
    Slot* find(SocketId id) const noexcept { return slots_.find(id); }
    Slot* find_stream(SocketId id) const noexcept;

    void erase(Slot& slot) noexcept;
    void close_descriptors(Slot& slot) noexcept;

    // What epoll is asked for. Lazily: a paused slot stays registered until something comes.
    void refresh_interest(Slot& slot) noexcept;
    void refresh_listener(Slot& slot) noexcept;
    int apply(int fd, uint64_t word, std::optional<uint8_t>& registered, uint32_t wanted) noexcept;
    void leave_epoll(Slot& slot) noexcept;
    void stop_watching(int fd, std::optional<uint8_t>& registered) noexcept;

    // The parts of wait().
    void flush_all() noexcept;
    int poll(TimePoint deadline, Level& level) noexcept;
    bool must_not_sleep() const noexcept;
    void dispatch(uint64_t word, uint32_t events);
    void serve(const Event& event);
    void serve_unpollable();
    void watched_ready(Slot& slot, uint32_t events);
    void deliver_notices(Lane lane);
    void end_lingering(TimePoint now) noexcept;
    void finish_thread_tasks();

    void stream_ready(Slot& slot, uint32_t events);
    void connect_finished(Slot& slot);
    void receive(Slot& slot);
    void discard(Slot& slot) noexcept;
    void hung_up(Slot& slot, uint32_t events) noexcept;
    long read_some(Slot& slot, std::span<char> buffer);
    long read_with_descriptors(Slot& slot, std::span<char> buffer);
    void input_ended(Slot& slot);

    void queue_for_flush(Slot& slot) noexcept;
    void flush(Slot& slot) noexcept;
    long send_front(Slot& slot);
    long send_file(Slot& slot) noexcept;
    long send_memory(Slot& slot, std::span<iovec> parts, bool more) noexcept;
    long send_at_once(Slot& slot, std::string_view bytes) noexcept;
    void after_flush(Slot& slot) noexcept;
    void queue_emptied(Slot& slot) noexcept;
    void write_failed(Slot& slot, int error) noexcept;
    void break_off(Slot& slot, int error, const char* what) noexcept;
    void end(Slot& slot, std::optional<Error> error) noexcept;
    void notify(Slot& slot) noexcept;

    void accept_some(Slot& slot);
    void accept_fails(Slot& listener, const Error& error);
    void out_of_memory(SocketId id);
    void read_datagrams(Slot& slot);
    std::span<char> shared_buffer() noexcept;

    const std::string reason_;
    SystemCalls& system_;
    Descriptor epoll_;
    Descriptor wake_;
    Descriptor host_timer_;
    std::atomic<bool> woken_{false};
    bool waits_in_milliseconds_ = false;  // before Linux 5.11
    mutable Slab<Slot> slots_;
    IntrusiveList<Slot, FlushTag> to_flush_;
    // Slots of which closed() or drained() is to be told.
    struct Notices {
        bool empty() const noexcept { return pending.empty() && running.empty(); }
        IntrusiveList<Slot, NoticeTag> pending;
        IntrusiveList<Slot, NoticeTag> running;  // a nested wait goes on with what the outer one has not reached
    };
    Notices notices_[2];                      // by lane
    IntrusiveList<Slot, RareTag> lingering_;  // oldest first
    mutable IntrusiveList<Slot, RareTag> unpollable_;
    std::vector<Event> second_events_;
    std::vector<std::unique_ptr<Level>> levels_;
    std::size_t depth_ = 0;
    std::size_t streams_ = 0;
    IntrusiveList<ThreadTask> done_tasks_;
    ThreadPool threads_;
};

}  // namespace bine
