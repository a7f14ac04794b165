#include "bine/driver/thread_pool.h"

#include <pthread.h>
#include <signal.h>

namespace bine {

void ThreadPool::end() noexcept {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    ending_ = false;
    waiting_count_ = 0;
    while (ThreadTask* task = done_.pop_front()) task->abandoned();
    while (ThreadTask* task = waiting_.pop_front()) task->abandoned();
}

void ThreadPool::submit(ThreadTask& task) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(task);
    ++waiting_count_;
    if (waiting_count_ <= idle_) {
        changed_.notify_one();
    } else if (threads_.size() < most_threads_) {
        // Signals belong to the threads that the program made itself.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        threads_.emplace_back([this] { serve(); });
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
}

void ThreadPool::take_done(IntrusiveList<ThreadTask>& into) {
    const std::lock_guard lock(mutex_);
    into.splice_back(done_);
}

void ThreadPool::serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
        while (waiting_.empty() && !ending_) {
            ++idle_;
            changed_.wait(lock);
            --idle_;
        }
        if (ending_) return;
        ThreadTask* task = waiting_.pop_front();
        --waiting_count_;
        lock.unlock();
        task->work();
        lock.lock();
        done_.push_back(*task);
        lock.unlock();
        wake_();
        lock.lock();
    }
}

}  // namespace bine
