// The driver on Linux's io_uring. Internal to this layer: programs name it by DriverKind::uring.
//
// Theory. A connection has one receive armed as long as it is read: it completes once for each piece, in buffers that all
// connections share (uring_buffers.h). What a turn writes gathers in the slot's queue and leaves in one send, which is submitted
// in the call that waits. Sends are MSG_DONTWAIT: they happen inside of that call or not at all, so the kernel holds no memory
// of ours between calls, and received bytes can be sent on without a copy. Only one that fails or is short completes; the others
// have left when the call returns (IOSQE_CQE_SKIP_SUCCESS). A full socket is polled for room. Accepting is
// multishot, too; connecting is as with epoll, the ring waits for the outcome.
//
// Everything that is no IP stream - datagrams, Unix sockets, which pass descriptors, pipes, terminals, descriptors of others -
// is an epoll driver's, whose descriptor the ring polls. Its sockets have names from kOthers upwards.
//
// A slot counts its operations; it is free when the last one has completed, whatever the program wants. Each completion names
// its slot and its operation; what belongs to no slot has the generation 0.
//
// The ring belongs to the thread that runs the reactor, from the first wait on; when another one waits, a new ring is made and
// all is armed anew. Nothing is lost between: a ring receives and accepts only inside of its thread's calls.
//
// As a guest the driver cannot sleep in the ring: a host polls the inner epoll driver, in which an eventfd tells of the ring.
//
// Of finish(), the receive is cancelled in the submission that sends the last bytes: closing the descriptor ends the connection
// only when no operation holds it, and what has come by then tells whether the other side has kept its word.
//
// A multishot receive can miss a reset when it has delivered 32 pieces in one go (docs/the-driver-seam.md): then it is
// cancelled and armed anew, which looks at the socket again.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <memory>
#include <vector>

#include "bine/base/slab.h"
#include "bine/driver/drivers.h"
#include "bine/driver/epoll_slot.h"
#include "bine/driver/uring_buffers.h"

namespace bine {

class UringDriver final : public Driver, private WatchSink {
public:
    UringDriver(std::string reason, SystemCalls& system, const UringOptions& options);
    ~UringDriver() override;
    // Errors: why there is no io_uring here.
    Result<> open();

    DriverInfo info() const override { return {"io_uring", others_.info().reason}; }
    TimePoint now() noexcept override { return others_.now(); }
    WallTime wall_now() noexcept override { return others_.wall_now(); }
    void random(std::span<char> bytes) noexcept override { others_.random(bytes); }

    void wait(TimePoint deadline) override;
    bool second_lane_has_work() const noexcept override;
    void serve_second_lane() override;
    void wake() noexcept override { others_.wake(); }
    int host_fd() const noexcept override { return others_.host_fd(); }
    void prepare_sleep(TimePoint deadline) override;

    Result<SocketId> listen(const Address& address, const ListenOptions& options, AcceptSink& sink) override;
    Result<SocketId> connect(const Address& remote, const Address& local, Sink& sink, Lane lane) override;
    Result<SocketId> adopt(Descriptor input, Descriptor output) override;
    Result<SocketId> adopt_listener(Descriptor socket, AcceptSink& sink) override;
    Descriptor release(SocketId id) override;
    void attach(SocketId id, Sink& sink, Lane lane) noexcept override { set_sink(id, sink, lane, false); }
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
    std::size_t open_sockets() const noexcept override { return streams_ + others_.open_sockets(); }

    Address local_address(SocketId id) const override;
    Address peer_address(SocketId id) const override;
    int descriptor(SocketId id) const noexcept override;
    void set_no_delay(SocketId id, bool on) noexcept override;
    void set_keep_alive(SocketId id, bool on) noexcept override;

    Result<SocketId> open_datagram(const Address& local, const Address& remote, DatagramSink& sink) override {
        return others_.open_datagram(local, remote, sink);
    }
    Result<> send_datagram(SocketId id, std::string_view bytes, const Address& to) override {
        return others_.send_datagram(id, bytes, to);
    }
    Result<SocketId> watch(int fd, bool readable, bool writable, WatchSink& sink, Lane lane) override {
        return others_.watch(fd, readable, writable, sink, lane);
    }
    Result<> rewatch(SocketId id, bool readable, bool writable) override {
        return others_.rewatch(id, readable, writable);
    }
    void unwatch(SocketId id) noexcept override { others_.unwatch(id); }
    void run_in_thread(ThreadTask& task) override { others_.run_in_thread(task); }

private:
    struct FlushTag;
    struct NoticeTag;
    struct ArmTag;
    struct Slot;
    struct Rare;
    using Piece = UringBuffers::Piece;
    struct SecondPiece {
        SocketId id;
        Piece piece;
        int result;
        bool pinned;
    };
    enum class Operation : uint8_t { none, others, accept, receive, room, send };
    enum class Deed : uint8_t { none, connect, receive, send, serve };
    enum class Phase : uint8_t { connecting, open, closing, lingering, ended };

    // What a completion is of. An index has 24 bits beside the operation.
    static uint64_t tag_of(SocketId id, Operation operation) noexcept {
        return id.word() | uint64_t{static_cast<uint8_t>(operation)} << 24;
    }
    static Operation operation_of(const io_uring_cqe& completion) noexcept {
        return static_cast<Operation>(completion.user_data >> 24 & 0xff);
    }
    static SocketId id_of(const io_uring_cqe& completion) noexcept {
        return SocketId::from_word(completion.user_data & ~(uint64_t{0xff} << 24));
    }
    // A name of the ring's own; otherwise the socket is the other driver's.
    static bool is_ours(SocketId id) noexcept { return id.index < kOthers; }
    Slot* find(SocketId id) const noexcept { return slots_.find(id); }
    Slot* find_stream(SocketId id) const noexcept;
    Slot& add(Descriptor fd, bool listener);
    void erase(Slot& slot) noexcept;

    // The ring, and what is asked of it.
    bool is_own_thread() const noexcept;
    void own_ring();
    void renew_ring();
    void rearm_all() noexcept;
    io_uring_sqe& begin(Slot& slot, Operation operation, uint8_t code);
    void cancel(const Slot& slot, Operation operation);
    void arm_all();
    void arm(Slot& slot, bool room);
    void want_armed(Slot& slot) noexcept;

    // The parts of wait().
    bool must_not_sleep() const noexcept;
    void wait_in_ring(TimePoint deadline);
    void wait_as_guest(TimePoint deadline);
    void ready(bool readable, bool writable) override;
    void reap();
    void completed(Slot& slot, Operation operation, const io_uring_cqe& completion);
    void deliver_notices(Lane lane);
    void deliver(SocketId id);
    void tell_closed(Slot& slot);
    void end_lingering();

    void accepted(Slot& slot, const io_uring_cqe& completion);
    void serve_accepted(SocketId id);
    void accept_fails(Slot& slot, const Error& error);
    void take_in(SocketId listener, Descriptor fd);
    void got_room(Slot& slot);

    void received(Slot& slot, const io_uring_cqe& completion);
    void count_piece(Slot& slot);
    void stop_receiving(Slot& slot);
    void serve_second(const SecondPiece& next);
    void serve_piece(Slot& slot, const Piece& piece, int result);
    void discarding_ended(Slot& slot, int error);
    void hold_piece(Slot& slot, const Piece& piece, int result);
    void hand_over(Slot& slot, std::string_view bytes);
    bool fill_asked(Slot& slot, std::string_view& bytes);
    void hold(Slot& slot, std::string_view bytes);
    void deliver_held(Slot& slot);
    void input_ended(Slot& slot, int error);

    void queue_for_flush(Slot& slot) noexcept;
    void flush_all();
    void flush(Slot& slot);
    void send_memory(Slot& slot);
    void send_file(Slot& slot);
    void settle_sends();
    void own_loan(Slot& slot);
    void has_sent(Slot& slot);
    void queue_emptied(Slot& slot);
    void write_failed(Slot& slot, int error) noexcept;
    void close_listener(Slot& slot) noexcept;
    void end(Slot& slot, int error, Deed deed) noexcept;
    void released(Slot& slot) noexcept;
    void notify(Slot& slot) noexcept;

    static constexpr uint32_t kOthers = 1u << 24;
    static constexpr std::size_t kParts = 64;

    SystemCalls& system_;
    const UringOptions options_;
    std::unique_ptr<UringRing> ring_;
    std::unique_ptr<UringBuffers> buffers_;
    uint64_t thread_ = 0;
    mutable Slab<Slot> slots_;
    EpollDriver others_;
    Descriptor news_;  // for guests: readable when the ring has news
    bool others_armed_ = false;
    bool others_ready_ = false;
    bool renewing_ = false;
    uint8_t turn_ = 0;
    int depth_ = 0;

    IntrusiveList<Slot, FlushTag> to_flush_;
    IntrusiveList<Slot, FlushTag> sending_;  // between flush_all() and settle_sends()
    IntrusiveList<Slot, ArmTag> to_arm_;
    IntrusiveList<Slot, ArmTag> starved_;      // those that have found no buffer since they were armed
    IntrusiveList<Slot, FlushTag> lingering_;  // these have nothing to send any more
    struct Notices {
        bool empty() const noexcept { return pending.empty() && running.empty(); }
        IntrusiveList<Slot, NoticeTag> pending;
        IntrusiveList<Slot, NoticeTag> running;  // a nested wait goes on with what the outer one has not reached
    };
    Notices notices_[2];  // by lane
    std::vector<SecondPiece> second_;
    // What sends of several parts refer to until they are submitted.
    struct Message {
        msghdr header;
        std::array<iovec, kParts> parts;
    };
    std::vector<std::unique_ptr<Message>> messages_;
    std::size_t messages_used_ = 0;
    std::vector<uint16_t> loans_;          // buffers that queues refer to
    std::vector<uint16_t> loans_leaving_;  // and those whose sends have been submitted
    std::size_t streams_ = 0;
};

}  // namespace bine
