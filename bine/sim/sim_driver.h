// The driver of a simulated world: everything that the Driver contract says, in memory and virtual time.
//
// It has streams, listeners and datagrams; watch(), adopt() and release() are for real descriptors, and unsupported. Work for
// threads runs on this thread, after a chosen time. Each wait serves the sockets that are ready in a chosen order.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "bine/base/slab.h"
#include "bine/driver/driver.h"
#include "bine/reactor/reactor.h"
#include "bine/sim/world.h"

namespace bine::sim {

class SimDriver final : public Driver {
public:
    // Of `host`. One that is alone moves the time of its world when it waits.
    SimDriver(World& world, Host& host, bool alone);
    ~SimDriver() override;

    DriverInfo info() const override;
    bool is_simulated() const noexcept override { return true; }
    TimePoint now() noexcept override { return world_.now(); }
    WallTime wall_now() noexcept override;
    void random(std::span<char> bytes) noexcept override;

    // Errors: throws Error (broken) when asked to wait for ever while nothing will ever happen.
    void wait(TimePoint deadline) override;
    bool second_lane_has_work() const noexcept override { return !ready_[1].empty(); }
    void serve_second_lane() override { serve_ready(Lane::second); }
    void wake() noexcept override { woken_ = true; }
    int host_fd() const noexcept override { return -1; }
    void prepare_sleep(TimePoint deadline) override;

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
    void finish(SocketId id) noexcept override;
    void abort(SocketId id) noexcept override;
    void abort_all() noexcept override;
    std::size_t open_sockets() const noexcept override;

    Address local_address(SocketId id) const override;
    Address peer_address(SocketId id) const override;
    void set_no_delay(SocketId, bool) noexcept override {}
    void set_keep_alive(SocketId, bool) noexcept override {}

    Result<SocketId> open_datagram(const Address& local, const Address& remote, DatagramSink& sink) override;
    Result<> send_datagram(SocketId id, std::string_view bytes, const Address& to) override;
    Result<SocketId> watch(int fd, bool readable, bool writable, WatchSink& sink, Lane lane) override;
    Result<> rewatch(SocketId id, bool readable, bool writable) override;
    void unwatch(SocketId) noexcept override {}
    void run_in_thread(ThreadTask& task) override;
    Result<> look_up(const std::string& name, Address::Family family, Function<void(const Address&)> found) override;

    // For its host that crashes: nothing leaves any more.
    void fall_silent() noexcept { silent_ = true; }
    // For the world, when somebody can be reached again: who waits for room at a host that has crashed meanwhile asks for it
    // again and again, and is answered with a reset.
    static void answer_probes(World& world);
    // For the world: whether the next wait has something to do now, and what prepare_sleep() was told.
    bool must_not_sleep() const noexcept;
    TimePoint sleeps_until() const noexcept { return sleeps_until_; }
    // A native driver would return from its wait.
    bool is_awake() const noexcept;

private:
    enum class Kind : uint8_t { stream, listener, datagram };
    // closing: the queue leaves; lingering: closed() has been told; ended: it has yet to be.
    enum class Phase : uint8_t { connecting, open, closing, lingering, ended };
    // A socket of any driver in the world.
    struct Place {
        std::size_t host = 0;
        std::size_t driver = 0;
        SocketId id;
    };
    struct Ledger;
    struct Slot;

    Slot* find(SocketId id) const noexcept;
    Slot* find(SocketId id, Kind kind) const noexcept;
    static Slot* find(World& world, const Place& place, SimDriver*& driver) noexcept;
    Place place(const Slot& slot) const noexcept;
    Slot& add(Kind kind, const Address& local);
    void mark_ready(Slot& slot);
    void queue_for_flush(Slot& slot);
    // Runs `arrived(driver, slot)` there when a message sent now on `from` arrives, or `nobody()` when the socket is gone.
    template <class Arrived, class Nobody>
    void post(Slot& from, const Place& to, std::size_t bytes, Arrived arrived, Nobody nobody);
    Function<void()> give_up(const Slot& slot) const;

    void flush_all();
    void transmit(Slot& slot);
    std::string take_segment(Slot& slot, std::size_t most);
    void behind_queue(Slot& slot);
    void send_reset(const Place& to) const;
    static void send_reset(World& world, std::size_t from_host, const Place& to);
    void break_connection(Slot& slot);
    void give_room(const Place& sender, std::size_t bytes);
    void discard_inbox(Slot& slot);
    static void begin_connection(World& world, const Place& client, const Address& from, const Address& remote,
                                 std::size_t host);
    static Slot* bound_to(World& world, std::size_t host, const Address& address, Kind kind, SimDriver*& driver);
    std::size_t host_of(const Address& address) const noexcept;
    Result<Address> bind(const Address& wanted, Kind kind);
    Address own_address_towards(const Address& remote) const;
    void end(Slot& slot, const Error* error);
    void erase(Slot& slot) noexcept;

    void serve_ready(Lane lane);
    void serve_stream(SocketId id);
    void deliver(Slot& slot);
    void compare(const Slot& slot, std::string_view piece);
    void compare_end(const Slot& slot);
    void tell_closed(Slot& slot);
    void accept_pending(SocketId id);
    void deliver_datagrams(SocketId id);
    void finish_tasks();

    World& world_;
    Host& host_;
    const std::size_t number_;
    const bool alone_;
    bool silent_ = false;
    bool ending_ = false;
    const std::string reason_;
    mutable Slab<Slot> slots_;
    std::vector<SocketId> ready_[2];  // by lane
    std::vector<SocketId> to_flush_;
    std::deque<std::pair<uint64_t, ThreadTask*>> working_;
    std::deque<ThreadTask*> done_;
    uint64_t tasks_begun_ = 0;
    bool woken_ = false;
    TimePoint sleeps_until_ = TimePoint::min();
};

}  // namespace bine::sim
