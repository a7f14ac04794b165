// An io_uring driver of honest scope, to try the Driver interface on a completion-based system: streams, listeners, time,
// threads. Datagrams, descriptors of others and guests are unsupported.
//
// Theory. Receiving is multishot into one ring of buffers that all connections share; what completes is pinned there until
// the sink has had it, or copied when the socket is paused. A connection has at most one send in flight, gathered from its
// queue; the queue's front belongs to the kernel until that completes. Nothing is sent, and nothing told, but in wait():
// queue sends; submit and wait in one call; reap; tell. A slot is free when no operation is in flight any more.
//
// A multishot receive can miss a reset (docs/the-driver-seam.md), so a poll for nothing but a hang-up stands beside it; when
// that completes, what is left is received by single operations, which cannot.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <atomic>
#include <deque>
#include <vector>

#include "bine/base/slab.h"
#include "bine/reactor/driver.h"
#include "bine/reactor/thread_pool.h"
#include "ring.h"

namespace bine::seam {

struct UringOptions {
    bool incremental = true;  // otherwise each piece takes a whole buffer
    uint32_t buffers = 16;
    uint32_t buffer_size = 65536;
};

class UringDriver final : public Driver {
public:
    static Result<std::unique_ptr<UringDriver>> make(const UringOptions& options);
    ~UringDriver() override;

    DriverInfo info() const override { return {"io_uring", "a test asked for it"}; }
    TimePoint now() noexcept override;
    WallTime wall_now() noexcept override;
    void random(std::span<char> bytes) noexcept override;

    void wait(TimePoint deadline) override;
    bool second_lane_has_work() const noexcept override { return !ready_[1].empty(); }
    void serve_second_lane() override { serve_ready(Lane::second); }
    void wake() noexcept override;
    int host_fd() const noexcept override { return -1; }
    void prepare_sleep(TimePoint) override {}

    Result<SocketId> listen(const Address& address, const ListenOptions& options, AcceptSink& sink) override;
    Result<SocketId> connect(const Address& remote, const Address& local, Sink& sink, Lane lane) override;
    Result<SocketId> adopt(Descriptor input, Descriptor output) override;
    Result<SocketId> adopt_listener(Descriptor socket, AcceptSink& sink) override;
    Descriptor release(SocketId) override { return Descriptor(); }
    void attach(SocketId id, Sink& sink, Lane lane) noexcept override { set_sink(id, sink, lane, false); }
    void set_sink(SocketId id, Sink& sink, Lane lane, bool asked_for) noexcept override;
    void pause(SocketId id) noexcept override;
    void resume(SocketId id) noexcept override;
    void send(SocketId id, std::string_view bytes, Lifetime lifetime) override;
    void send(SocketId id, Output&& output) override;
    uint64_t queued(SocketId id) const noexcept override;
    void set_low_mark(SocketId id, uint32_t bytes) noexcept override;
    void shutdown(SocketId id) noexcept override;
    void close(SocketId id) noexcept override;
    void abort(SocketId id) noexcept override;
    void abort_all() noexcept override;
    std::size_t open_sockets() const noexcept override { return streams_; }

    Address local_address(SocketId id) const override;
    Address peer_address(SocketId id) const override;
    void set_no_delay(SocketId id, bool on) noexcept override;
    void set_keep_alive(SocketId id, bool on) noexcept override;

    Result<SocketId> open_datagram(const Address&, const Address&, DatagramSink&) override;
    Result<> send_datagram(SocketId, std::string_view, const Address&) override;
    Result<SocketId> watch(int fd, bool readable, bool writable, WatchSink& sink, Lane lane) override;
    Result<> rewatch(SocketId id, bool readable, bool writable) override;
    void unwatch(SocketId) noexcept override {}
    void run_in_thread(ThreadTask& task) override { threads_.submit(task); }

private:
    enum class Operation : uint8_t { none, wake, accept, connect, receive, hang_up, send };
    // closing: the queue leaves; lingering: closed() has been told; ended: operations end, then closed() is told.
    enum class Phase : uint8_t { connecting, open, closing, lingering, ended };
    struct Slot;

    UringDriver(std::unique_ptr<Ring> ring, std::unique_ptr<Buffers> buffers);

    Slot* find(SocketId id) const noexcept;
    Slot* find_stream(SocketId id) const noexcept;
    Slot& add(Descriptor fd, bool listener);
    void erase(Slot& slot);
    void mark_ready(Slot& slot);
    void queue_for_flush(Slot& slot);

    // What is asked of the ring; each counts as an operation of the slot until its last completion.
    io_uring_sqe& begin(Slot& slot, Operation operation, uint8_t code);
    void cancel(Slot& slot, Operation operation);
    void cancel_all(Slot& slot);
    void arm_wake();
    void arm_all();
    void arm_input(Slot& slot);
    void watch_for_hang_up(Slot& slot);
    void begin_send(Slot& slot);
    bool prepare_file(Slot& slot, uint64_t length);

    void flush_all();
    void flush(Slot& slot);
    void behind_queue(Slot& slot);
    void reap();
    void completed(Slot& slot, Operation operation, const io_uring_cqe& completion);
    void accepted(Slot& slot, const io_uring_cqe& completion);
    void connect_completed(Slot& slot, int result);
    void received(Slot& slot, const io_uring_cqe& completion);
    void hung_up(Slot& slot);
    void sent(Slot& slot, int result);
    void end_lingering();

    void serve_ready(Lane lane);
    void serve_listener(SocketId id);
    void serve_stream(SocketId id);
    bool deliver(SocketId id, Lane lane);
    bool deliver_asked(Slot& slot);
    void hold(Slot& slot);
    void release_pieces(Slot& slot);
    void end(Slot& slot, const Error* error);
    void tell_closed(Slot& slot);
    void finish_tasks();

    std::unique_ptr<Ring> ring_;
    std::unique_ptr<Buffers> buffers_;
    Descriptor wake_;
    uint64_t wake_count_ = 0;
    bool wake_armed_ = false;
    std::atomic<bool> woken_{false};
    mutable Slab<Slot> slots_;
    std::size_t streams_ = 0;
    std::size_t operations_ = 0;
    std::vector<SocketId> ready_[2];  // by lane
    std::vector<SocketId> to_flush_;
    std::vector<SocketId> to_arm_;
    std::vector<SocketId> to_arm_first_;  // those that found no buffer the last time
    std::deque<std::pair<TimePoint, SocketId>> lingering_;
    IntrusiveList<ThreadTask> done_;
    ThreadPool threads_;
};

}  // namespace bine::seam
