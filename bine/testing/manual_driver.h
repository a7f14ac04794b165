// A Driver without a network, whose time only moves when a reactor waits for it: what a Reactor in a test stands on.
//
// Waiting until a deadline jumps there at once. Sockets are unsupported; work for threads runs in the next wait, on the
// same thread; chance is a fixed sequence. Confined to one thread.
#pragma once

#include "bine/driver/driver.h"

namespace bine::testing {

class ManualDriver final : public Driver {
public:
    ManualDriver() = default;

    // Moves the clock without waiting; timers that came due fire in the next turn.
    void advance(Duration by) noexcept { now_ += by; }
    void set_wall_now(WallTime time) noexcept { wall_start_ = time - now_.time_since_epoch(); }

    DriverInfo info() const override;
    TimePoint now() noexcept override { return now_; }
    WallTime wall_now() noexcept override { return wall_start_ + now_.time_since_epoch(); }
    void random(std::span<char> bytes) noexcept override;

    // Errors: throws Error (broken) when asked to wait for ever with nothing that could end the wait.
    void wait(TimePoint deadline) override;
    bool second_lane_has_work() const noexcept override { return false; }
    void serve_second_lane() override {}
    void wake() noexcept override { woken_ = true; }
    int host_fd() const noexcept override { return -1; }
    void prepare_sleep(TimePoint) override {}

    Result<SocketId> listen(const Address&, const ListenOptions&, AcceptSink&) override;
    Result<SocketId> connect(const Address&, const Address&, Sink&, Lane) override;
    Result<SocketId> adopt(Descriptor, Descriptor) override;
    Result<SocketId> adopt_listener(Descriptor, AcceptSink&) override;
    Descriptor release(SocketId) override { return Descriptor(); }
    void attach(SocketId, Sink&, Lane) noexcept override {}
    void set_sink(SocketId, Sink&, Lane, bool) noexcept override {}
    void pause(SocketId) noexcept override {}
    void resume(SocketId) noexcept override {}
    void send(SocketId, std::string_view, Lifetime) override {}
    void send(SocketId, Output&&) override {}
    uint64_t queued(SocketId) const noexcept override { return 0; }
    void set_low_mark(SocketId, uint32_t) noexcept override {}
    void shutdown(SocketId) noexcept override {}
    void close(SocketId) noexcept override {}
    void abort(SocketId) noexcept override {}
    void abort_all() noexcept override;
    std::size_t open_sockets() const noexcept override { return 0; }
    Address local_address(SocketId) const override { return {}; }
    Address peer_address(SocketId) const override { return {}; }
    void set_no_delay(SocketId, bool) noexcept override {}
    void set_keep_alive(SocketId, bool) noexcept override {}
    Result<SocketId> open_datagram(const Address&, const Address&, DatagramSink&) override;
    Result<> send_datagram(SocketId, std::string_view, const Address&) override;
    Result<SocketId> watch(int, bool, bool, WatchSink&, Lane) override;
    Result<> rewatch(SocketId, bool, bool) override;
    void unwatch(SocketId) noexcept override {}
    void run_in_thread(ThreadTask& task) override { tasks_.push_back(task); }

private:
    TimePoint now_{};
    WallTime wall_start_{std::chrono::seconds(1'000'000'000)};
    uint64_t chance_ = 1;
    bool woken_ = false;
    IntrusiveList<ThreadTask> tasks_;
};

}  // namespace bine::testing
