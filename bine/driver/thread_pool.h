// A few threads for what cannot wait without blocking: files, name look-ups, computation.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "bine/base/function.h"
#include "bine/base/intrusive_list.h"
#include "bine/driver/driver.h"

namespace bine {

// Threads start when there is work and none is idle, up to a limit; work waits in order. submit() and take_done() are
// for the thread that owns the pool.
class ThreadPool {
public:
    // `wake` is called on a pool thread whenever something is done and may be taken.
    ThreadPool(std::size_t most_threads, Function<void()> wake) : most_threads_(most_threads), wake_(std::move(wake)) {}
    ~ThreadPool() { end(); }
    // Waits for the work under way; what has not begun never begins. Every task that was not taken is abandoned.
    void end() noexcept;

    void submit(ThreadTask& task);
    // What has been done since the last call, in the order it ended.
    void take_done(IntrusiveList<ThreadTask>& into);

private:
    void serve();

    const std::size_t most_threads_;
    Function<void()> wake_;
    std::mutex mutex_;
    std::condition_variable changed_;
    IntrusiveList<ThreadTask> waiting_;
    IntrusiveList<ThreadTask> done_;
    std::size_t waiting_count_ = 0;
    std::size_t idle_ = 0;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace bine
