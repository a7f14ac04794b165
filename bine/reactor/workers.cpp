#include "bine/reactor/workers.h"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bine {

// What the threads share: whom there is, and what went wrong first.
class Worker::Peers {
public:
    // Changed by the worker's thread, under the mutex.
    struct Seat {
        std::mutex mutex;
        Worker* worker = nullptr;
    };

    explicit Peers(std::size_t count) : seats(count) {}

    void sit(std::size_t index, Worker* worker) noexcept {
        const std::lock_guard lock(seats[index].mutex);
        seats[index].worker = worker;
    }

    void stop_all() noexcept {
        for (Seat& seat : seats) {
            const std::lock_guard lock(seat.mutex);
            if (seat.worker) seat.worker->reactor_.stop();
        }
    }

    std::unique_ptr<Reactor> make_reactor(ReactorMaker& make) {
        const std::lock_guard lock(mutex_);
        return make ? make() : std::make_unique<Reactor>();
    }

    // Waits for the others; false when one will never come.
    bool all_are_there() {
        std::unique_lock lock(mutex_);
        if (++there_ == seats.size()) changed_.notify_all();
        changed_.wait(lock, [this] { return there_ == seats.size() || failure_; });
        return there_ == seats.size();
    }

    void current_exception_fails_all() noexcept {
        {
            const std::lock_guard lock(mutex_);
            if (!failure_) failure_ = std::current_exception();
        }
        changed_.notify_all();
        stop_all();
    }

    // When the threads have ended.
    void rethrow_failure() const {
        if (failure_) std::rethrow_exception(failure_);
    }

    std::vector<Seat> seats;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t there_ = 0;
    std::exception_ptr failure_;
};

Worker::Worker(Reactor& reactor, std::size_t index, Peers& peers)
    : reactor_(reactor), index_(index), count_(peers.seats.size()), peers_(peers) {
    peers_.sit(index_, this);
}

Worker::~Worker() {
    peers_.sit(index_, nullptr);
    while (Waiting* waiting = waiting_.pop_front()) delete waiting;
}

void Worker::stop_all() noexcept { peers_.stop_all(); }

bool Worker::post(Peers& peers, std::size_t to, Message message) {
    Peers::Seat& seat = peers.seats[to];
    const std::lock_guard lock(seat.mutex);
    if (!seat.worker) return false;
    seat.worker->reactor_.call_from_thread([&seat, message = std::move(message)]() mutable {
        if (seat.worker) message(*seat.worker);  // a reactor that is being destroyed turns without its worker
    });
    return true;
}

void run_workers(std::size_t count, Function<void(Worker&)> program, ReactorMaker make) {
    if (count == 0) throw Error(Errc::invalid_argument, "run no workers");
    Worker::Peers peers(count);
    const auto serve = [&](std::size_t index) noexcept {
        try {
            const auto reactor = peers.make_reactor(make);
            Worker worker(*reactor, index, peers);
            if (peers.all_are_there()) program(worker);
        } catch (...) {
            peers.current_exception_fails_all();
        }
    };
    std::vector<std::thread> threads;
    try {
        for (std::size_t index = 1; index < count; ++index) {
            threads.emplace_back(serve, index);
            ::pthread_setname_np(threads.back().native_handle(), ("bine-" + std::to_string(index + 1)).c_str());
        }
    } catch (...) {
        peers.current_exception_fails_all();
    }
    serve(0);
    for (std::thread& thread : threads) thread.join();
    peers.rethrow_failure();
}

}  // namespace bine
