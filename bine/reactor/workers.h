// Reactors in threads of their own: the scale-out of one machine. They share nothing and send each other messages.
//
//     run_workers(4, [&](Worker& worker) {                  // called once in each thread
//         Service service(worker.reactor());                // made, used and destroyed there
//         worker.reactor().run();
//     });
//     worker.post(0, [bytes](Worker& first) { ... });       // runs in a turn of the first one's reactor
//     const auto lines = co_await worker.call(2, count_lines);  // and the result comes back
#pragma once

#include <memory>
#include <type_traits>

#include "bine/async/settle.h"
#include "bine/reactor/reactor.h"

namespace bine {

class Worker;
// It and what it captures are destroyed in the thread that it was sent to.
using Message = Function<void(Worker& there)>;

// One thread and its reactor. Confined to that thread, but for count(), post(), broadcast() and stop_all(). Lives as long as its
// program runs.
class Worker {
public:
    class Peers;
    // What a call() waits with; destroyed with the worker, which ends the call cancelled.
    struct Waiting : ListHook<> {
        virtual ~Waiting() = default;
    };

    Worker(Reactor& reactor, std::size_t index, Peers& peers);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    Reactor& reactor() noexcept { return reactor_; }
    // 0 is the one in the thread that called run_workers().
    std::size_t index() const noexcept { return index_; }
    std::size_t count() const noexcept { return count_; }

    // Has worker `to`, which may be this one, run `message` in a later turn; messages of one thread arrive in order. False:
    // that one has ended, and the message is dropped here. One that arrives too late is dropped there.
    bool post(std::size_t to, Message message) { return post(peers_, to, std::move(message)); }
    // A copy of `message` for each worker, this one included.
    template <class F>
    void broadcast(const F& message) {
        for (std::size_t to = 0; to < count(); ++to) post(to, message);
    }
    // Ends with what f(Worker& there), run by worker `to`, returned or threw. Dropping the Deferred stops the waiting, not the
    // call. Errors: closed, when that one ends before it comes to it.
    template <class F>
    auto call(std::size_t to, F f) -> Deferred<std::invoke_result_t<F&, Worker&>>;

    // Stops the reactor of each, as Reactor::stop() does.
    void stop_all() noexcept;

private:
    template <class R>
    struct Answer final : Waiting {
        Promise<R> promise;
    };
    template <class R>
    struct WayBack;

    static bool post(Peers& peers, std::size_t to, Message message);

    Reactor& reactor_;
    const std::size_t index_;
    const std::size_t count_;
    Peers& peers_;
    IntrusiveList<Waiting> waiting_;
};

using ReactorMaker = Function<std::unique_ptr<Reactor>()>;

// Runs `program` in `count` threads - the calling one and others, named bine-2 and so on - on a reactor each. `make` makes
// each in its thread, one after the other; the programs begin when all are there. Returns when all have returned. Errors:
// the first exception out of `make` or a program stops the reactors of the others, and is thrown when these have returned.
void run_workers(std::size_t count, Function<void(Worker&)> program, ReactorMaker make = nullptr);

// The way back to whoever asked. The answer is touched in that thread alone, where it may be gone, with its worker; a
// question that is dropped is answered too.
template <class R>
struct Worker::WayBack {
    Peers* peers;
    std::size_t index;

    void send(Answer<R>* answer, Result<R> result) const {
        Worker::post(*peers, index, [answer, result = std::move(result)](Worker&) mutable {
            const std::unique_ptr<Answer<R>> owned(answer);
            settle(std::move(owned->promise), std::move(result));
        });
    }
    void operator()(Answer<R>* answer) const {
        send(answer, fail(Errc::closed, "the worker that was called has ended"));
    }
};

template <class F>
auto Worker::call(std::size_t to, F f) -> Deferred<std::invoke_result_t<F&, Worker&>> {
    using R = std::invoke_result_t<F&, Worker&>;
    std::unique_ptr<Answer<R>, WayBack<R>> answer(new Answer<R>, {&peers_, index_});
    waiting_.push_back(*answer);
    auto deferred = answer->promise.deferred();
    post(to, [f = std::move(f), answer = std::move(answer)](Worker& there) mutable {
        const WayBack<R> back = answer.get_deleter();
        auto result = result_of(f, there);
        back.send(answer.release(), std::move(result));
    });
    return deferred;
}

}  // namespace bine
