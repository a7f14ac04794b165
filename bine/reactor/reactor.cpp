#include "bine/reactor/reactor.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdlib>
#include <string>

#include "bine/base/log.h"
#include "bine/driver/drivers.h"
#include "bine/reactor/shutdown.h"

namespace bine {

namespace {

constexpr std::size_t kTimersPerTurn = 4096;
constexpr int kTurnsToEnd = 1000;
#ifdef BINE_DEBUG
constexpr Duration kSlowCallback = std::chrono::milliseconds(100);
#else
constexpr Duration kSlowCallback{0};
#endif

thread_local Reactor* current_reactor = nullptr;

uint64_t this_thread() noexcept { return static_cast<uint64_t>(::pthread_self()); }

// A write to a connection that is gone must be an error, not the end of the process.
void ignore_broken_pipes() noexcept {
    struct sigaction action{};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
}

// BINE_REACTOR decides for who leaves it open.
std::unique_ptr<Driver> make_driver(DriverKind kind) {
    const char* variable = std::getenv("BINE_REACTOR");
    const std::string wish = variable ? variable : "";
    if (kind != DriverKind::automatic || wish.empty()) return make_native_driver(kind, "asked for by the program");
    const auto wished = try_driver_kind(wish);
    if (wished) return make_native_driver(*wished, "asked for by BINE_REACTOR");
    throw Error(Errc::invalid_argument, "BINE_REACTOR is \"" + wish + "\"; expected auto, epoll or uring");
}

}  // namespace

// A stack that many threads push on and the reactor takes whole, then turns round.
struct Reactor::Mailbox {
    struct Letter {
        explicit Letter(Function<void()> f) : function(std::move(f)) {}
        Function<void()> function;
        Letter* next = nullptr;
    };

    ~Mailbox() {
        std::size_t dropped = 0;
        collect();
        while (pop()) ++dropped;
        if (dropped > 0)
            log::warning("reactor", "calls from threads came too late and were dropped", {{"count", dropped}});
    }

    void push(Letter* letter) noexcept {
        letter->next = newest.load(std::memory_order_relaxed);
        while (
            !newest.compare_exchange_weak(letter->next, letter, std::memory_order_release, std::memory_order_relaxed)) {
        }
    }

    // Moves what has come behind what waits already, oldest first.
    void collect() noexcept {
        Letter* taken = newest.exchange(nullptr, std::memory_order_acquire);
        Letter* oldest = nullptr;
        while (taken) {
            Letter* next = std::exchange(taken->next, oldest);
            oldest = std::exchange(taken, next);
        }
        Letter** end = &pending;
        while (*end) end = &(*end)->next;
        *end = oldest;
    }

    // The oldest that has been collected; null when there is none.
    std::unique_ptr<Letter> pop() noexcept {
        if (!pending) return nullptr;
        return std::unique_ptr<Letter>(std::exchange(pending, pending->next));
    }

    bool empty() const noexcept { return !pending && !newest.load(std::memory_order_relaxed); }

    std::atomic<Letter*> newest{nullptr};
    Letter* pending = nullptr;
    std::atomic<bool> stopping{false};
    const bool* done = nullptr;  // what the innermost run_until() looks at
};

// Makes the reactor current, and at the end of the outermost turn destroys what was disposed of.
class Reactor::TurnScope {
public:
    explicit TurnScope(Reactor& reactor) : reactor_(reactor), outer_(std::exchange(current_reactor, &reactor)) {
        ++reactor.depth_;
    }
    ~TurnScope() {
        if (reactor_.depth_ == 1) reactor_.destroy_disposed();
        --reactor_.depth_;
        reactor_.now_is_old_ = true;
        current_reactor = outer_;
    }
    TurnScope(const TurnScope&) = delete;
    TurnScope& operator=(const TurnScope&) = delete;

private:
    Reactor& reactor_;
    Reactor* outer_;
};

Reactor::Reactor(Options options) : Reactor(make_driver(options.driver), options) {}

Reactor::Reactor(std::unique_ptr<Driver> driver, Options options)
    : driver_(std::move(driver)),
      info_(driver_->info()),
      options_(options),
      now_(driver_->now()),
      timers_(now_),
      mailbox_(std::make_unique<Mailbox>()),
      thread_(this_thread()) {
    if (options_.slow_callback < Duration(0)) options_.slow_callback = kSlowCallback;
    ignore_broken_pipes();
}

Reactor::~Reactor() {
    ending_ = true;
    thread_ = this_thread();
    driver_->abort_all();
    int turns = 0;
    while ((driver_->open_sockets() > 0 || !disposed_.empty()) && ++turns < kTurnsToEnd) turn(TimePoint::min());
    timers_.abandon_all();
    for (Calls& calls : calls_) {
        while (Call* call = calls.ready.pop_front()) call->abandoned();
    }
    destroy_disposed();
    if (turns == kTurnsToEnd) {
        log::error("reactor", "connections are still being made while the reactor ends",
                   {{"sockets", driver_->open_sockets()}});
    }
}

Reactor* Reactor::current() noexcept { return current_reactor; }

Reactor::Current::Current(Reactor& reactor) noexcept : outer_(std::exchange(current_reactor, &reactor)) {}
Reactor::Current::~Current() { current_reactor = outer_; }
bool Reactor::in_thread() const noexcept { return thread_ == this_thread(); }

void Reactor::run() { run_until(false); }

void Reactor::run_until(const bool& done) {
    thread_ = this_thread();
    const bool* const outer = std::exchange(mailbox_->done, &done);
    while (!done && !mailbox_->stopping.exchange(false, std::memory_order_acq_rel)) turn(TimePoint::max());
    mailbox_->done = outer;
}

void Reactor::stop() noexcept {
    mailbox_->stopping.store(true, std::memory_order_release);
    driver_->wake();
}

bool Reactor::settle(Duration most) {
    const TimePoint deadline = driver_->now() + most;
    while (unfinished_ > 0 && driver_->now() < deadline && !mailbox_->stopping.exchange(false)) turn(deadline);
    return unfinished_ == 0;
}

Shutdown& Reactor::shutdown() {
    if (!shutdown_) shutdown_ = std::make_unique<Shutdown>(*this);
    return *shutdown_;
}

void Reactor::turn(TimePoint deadline) {
    assert(in_thread());
    const TurnScope scope(*this);
    look_at_clock();
    take_mail();
    run_calls(calls_[0]);
    expire_timers();
    now_is_old_ = true;  // the wait may be long
    const bool is_done = mailbox_->done && *mailbox_->done;
    driver_->wait(has_ready_work() || is_done ? TimePoint::min() : std::min(deadline, timers_.next_deadline()));
    serve_second_lane();
}

void Reactor::look_at_clock() const noexcept {
    now_ = driver_->now();
    now_is_old_ = depth_ == 0;
}

void Reactor::take_mail() {
    mailbox_->collect();
    while (const auto letter = mailbox_->pop()) guard("a call from a thread", letter->function);
}

// What a call queues waits for the next turn. A nested turn goes on where this one is.
void Reactor::run_calls(Calls& calls) {
    calls.running.splice_back(calls.ready);
    while (Call* next = calls.running.pop_front()) {
        guard("a call", [next] { next->call(); });
    }
}

void Reactor::expire_timers() {
    if (timers_.next_deadline() > now()) return;
    guard("a timer", [this] { timers_.expire(now(), kTimersPerTurn); });
}

void Reactor::serve_second_lane() {
    const bool hooks_have_work = lane_hooks_ && lane_hooks_->has_work();
    if (!hooks_have_work && !driver_->second_lane_has_work() && calls_[1].empty()) return;
    if (lane_hooks_) lane_hooks_->enter();
    driver_->serve_second_lane();
    run_calls(calls_[1]);
    if (!lane_hooks_) return;
    guard("the second lane", [this] { lane_hooks_->serve(); });
    lane_hooks_->leave();
}

void Reactor::destroy_disposed() noexcept {
    while (Disposable* object = disposed_.pop_front()) delete object;
}

// A wish to stop is none: it has woken the driver, and a host that calls run_ready() has no run() to leave.
bool Reactor::has_ready_work() const noexcept {
    return !calls_[0].empty() || !calls_[1].empty() || !mailbox_->empty() || (lane_hooks_ && lane_hooks_->has_work());
}

void Reactor::call_soon(Call& call, Lane lane) noexcept {
    if (call.linked()) return;
    calls_[lane == Lane::second ? 1 : 0].ready.push_back(call);
}

void Reactor::call_from_thread(Function<void()> function) {
    mailbox_->push(new Mailbox::Letter(std::move(function)));
    driver_->wake();
}

bool Reactor::run_ready() {
    if (depth_ == 0) thread_ = this_thread();
    turn(TimePoint::min());
    return has_ready_work() || timers_.next_deadline() <= now();
}

void Reactor::prepare_sleep() { driver_->prepare_sleep(has_ready_work() ? TimePoint::min() : timers_.next_deadline()); }

void Reactor::report_exception(std::string_view what) noexcept {
    const Error error = Error::from_current_exception();
    log::error("reactor", "a callback threw", {{"callback", what}, {"error", error.text()}});
}

void Reactor::report_slow(std::string_view what, Duration took) noexcept {
    const double milliseconds = std::chrono::duration<double, std::milli>(took).count();
    log::warning("reactor", "a callback held up the loop", {{"callback", what}, {"ms", milliseconds}});
}

}  // namespace bine
