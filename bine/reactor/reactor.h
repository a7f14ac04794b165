// The reactor: the loop that everything runs on. One per thread, usually; there is no global one.
//
// A turn: what was queued with call_soon, the timers that are due, what other threads sent, then the driver waits for
// the network and calls its sinks; the second lane last. Destruction of what ended happens between turns.
//
// Threads: call_from_thread and stop may be called from any; everything else from the thread that runs the reactor
// (before the first run: the one that made it). Debug builds assert it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "bine/async/scheduler.h"
#include "bine/base/function.h"
#include "bine/driver/driver.h"

namespace bine {

class Shutdown;

// Brackets the part of a turn that serves the second lane, and may have work of its own there.
class LaneHooks {
public:
    virtual void enter() = 0;
    // Whether serve() has something to do. Asked without having entered.
    virtual bool has_work() const noexcept { return false; }
    // Between enter() and leave(), after the lane's sinks and calls.
    virtual void serve() {}
    virtual void leave() = 0;

protected:
    ~LaneHooks() = default;
};

// Something to be destroyed when no callback is on the stack: derive publicly from it and hand it to dispose().
class Disposable : public ListHook<Disposable> {
public:
    virtual ~Disposable() = default;
};

struct ReactorOptions {
    // automatic: what the environment variable BINE_REACTOR says (auto, epoll, uring), the fastest there is without it.
    DriverKind driver = DriverKind::automatic;
    // A callback that takes longer is logged, with what it was. Zero: off. Less: 100 ms in debug builds (BINE_DEBUG), off in
    // others. Costs two looks at the clock a callback.
    Duration slow_callback{-1};
};

class Reactor final : public Scheduler {
public:
    using Options = ReactorOptions;

    // Throws Error when the system refuses what the driver needs, or BINE_REACTOR says nothing that is known.
    explicit Reactor(Options options = {});
    explicit Reactor(std::unique_ptr<Driver> driver, Options options = {});
    // Aborts what is left: every connection_lost still comes, every pending Deferred of the reactor's own ends cancelled.
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    // Turns until stop(). May be called again afterwards. An exception that escapes a callback is logged, not thrown.
    void run();
    // Turns until `done`, which only this thread sets, or stop().
    void run_until(const bool& done);
    // Ends run() after the current turn; when none runs, the next run() returns at once. From any thread.
    void stop() noexcept;
    // Turns until every connection that was closed has handed its output to the system, for `most` at most, or stop().
    // Answers whether none is left.
    bool settle(Duration most);
    // One turn, which waits until `deadline` at most (TimePoint::min(): not at all). For tests and nested loops.
    void turn(TimePoint deadline);

    // The one that is turning in this thread, or is made current there; null otherwise.
    static Reactor* current() noexcept;
    // Makes a reactor current without a turn: for what a program does before its first one.
    class Current {
    public:
        explicit Current(Reactor& reactor) noexcept;
        ~Current();
        Current(const Current&) = delete;
        Current& operator=(const Current&) = delete;

    private:
        Reactor* outer_;
    };
    bool in_thread() const noexcept;
    // It is being destroyed.
    bool is_ending() const noexcept { return ending_; }

    // In a turn: when the turn began or, for what its wait brings, when that came. Outside of a turn: the clock.
    TimePoint now() const noexcept override {
        if (now_is_old_) look_at_clock();
        return now_;
    }
    WallTime wall_now() noexcept { return driver_->wall_now(); }
    void call_soon(Call& call) noexcept override { call_soon(call, Lane::native); }
    void call_soon(Call& call, Lane lane) noexcept;
    TimerQueue& timers() noexcept override { return timers_; }

    // Runs `function` on the reactor's thread, in the order of the calls of each thread. From any thread; wakes the loop.
    // What is still queued when the reactor is destroyed is dropped, and logged.
    void call_from_thread(Function<void()> function);

    // Destroys `object` when the outermost turn has ended.
    void dispose(std::unique_ptr<Disposable> object) noexcept { disposed_.push_back(*object.release()); }

    // What is to be done before the reactor stops.
    Shutdown& shutdown();

    // Counts what settle() waits for: a connection that was closed and still has output.
    void begin_unfinished() noexcept { ++unfinished_; }
    void end_unfinished() noexcept { --unfinished_; }

    // Who brackets the second lane; null: nobody. Must outlive the reactor or be taken back.
    void set_lane_hooks(LaneHooks* hooks) noexcept { lane_hooks_ = hooks; }

    // Calls `callback` as every callback is called: what it throws is logged, and so is that it took long.
    template <class F>
    void guard(std::string_view what, F&& callback) noexcept {
        const bool timed = options_.slow_callback > Duration(0);
        const TimePoint begun = timed ? driver_->now() : TimePoint();
        try {
            callback();
        } catch (...) {
            report_exception(what);
        }
        if (!timed) return;
        const Duration took = driver_->now() - begun;
        if (took >= options_.slow_callback) report_slow(what, took);
    }

    Driver& driver() noexcept { return *driver_; }
    std::string_view driver_name() const noexcept { return info_.name; }
    const std::string& driver_reason() const noexcept { return info_.reason; }

    // The guest contract: to live inside a foreign loop, let it watch fd() for reading (-1: this driver cannot), call
    // run_ready() when it is readable and again soon while it answers true, and prepare_sleep() before it waits.
    int fd() const noexcept { return driver_->host_fd(); }
    // One turn without waiting. Returns whether more is ready now.
    bool run_ready();
    void prepare_sleep();

private:
    struct Mailbox;
    class TurnScope;
    struct Calls {
        bool empty() const noexcept { return ready.empty() && running.empty(); }
        IntrusiveList<Call> ready;    // for the next turn
        IntrusiveList<Call> running;  // what this turn has not reached yet
    };

    void run_calls(Calls& calls);
    void take_mail();
    void expire_timers();
    void serve_second_lane();
    void destroy_disposed() noexcept;
    bool has_ready_work() const noexcept;
    void look_at_clock() const noexcept;
    void report_exception(std::string_view what) noexcept;
    void report_slow(std::string_view what, Duration took) noexcept;

    std::unique_ptr<Driver> driver_;
    DriverInfo info_;
    Options options_;
    mutable TimePoint now_;
    mutable bool now_is_old_ = true;
    TimerQueue timers_;
    Calls calls_[2];  // by lane
    IntrusiveList<Disposable, Disposable> disposed_;
    LaneHooks* lane_hooks_ = nullptr;
    std::unique_ptr<Mailbox> mailbox_;
    std::unique_ptr<Shutdown> shutdown_;
    std::size_t unfinished_ = 0;
    int depth_ = 0;
    bool ending_ = false;
    uint64_t thread_ = 0;
};

}  // namespace bine
