// One io_uring by raw system calls: entries that are submitted, completions that come back. No liburing: Debian 12 has it in a
// version without incremental buffers, and its kernel headers lack constants that are here. Internal to the io_uring driver.
//
// The ring takes entries from one thread, that which called take_over(). Its work runs only inside of enter()
// (IORING_SETUP_DEFER_TASKRUN), so nothing is received or accepted behind the back of who reads completions.
#pragma once

#include <linux/io_uring.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "bine/base/descriptor.h"
#include "bine/base/result.h"
#include "bine/base/time.h"
#include "bine/driver/system_calls.h"

namespace bine {

class Mapping {
public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Mapping();
    // Of `fd`, or memory of its own for -1.
    static Result<Mapping> map(std::size_t size, int fd, uint64_t offset);

    template <class T>
    T* at(std::size_t offset) const noexcept {
        return reinterpret_cast<T*>(static_cast<char*>(data_) + offset);
    }

private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

class UringRing {
public:
    // Errors: what the system says when it forbids io_uring (EPERM, ENOSYS) or is too old for it (EINVAL).
    static Result<std::unique_ptr<UringRing>> make(unsigned entries, unsigned completions, SystemCalls& system);

    // The calling thread is the one that submits from now on. Once.
    void take_over() noexcept { control(IORING_REGISTER_ENABLE_RINGS, nullptr, 0); }

    // A cleared entry, to be filled before the next call. Submits first when all are taken.
    io_uring_sqe& entry(uint8_t operation, int fd, uint64_t tag);
    // Submits, and waits for a completion until `deadline` (`now` is what the clock says); min() does not wait.
    void enter(TimePoint now, TimePoint deadline);
    // Cancels all on `fd`, or all there is, and returns when that is done; the completions come as usual.
    void cancel_now(int fd = -1);

    // Whether a completion is there; takes it.
    bool next(io_uring_cqe& completion) noexcept;
    // Calls f(io_uring_cqe&) for each that is there, those that the kernel had no room for included; f may change it.
    template <class F>
    void for_each_waiting(F&& f) {
        collect_overflow();
        for (io_uring_cqe& completion : overflow_) f(completion);
        for (uint32_t i = load(params_.cq_off.head); i != load(params_.cq_off.tail); ++i) f(completion_at(i));
    }
    // Fetches completions that the kernel had no room for; whether there were any.
    bool fetch_overflow();
    // Entries that the kernel has not taken yet: it had no memory.
    bool has_unsubmitted() const noexcept { return unsubmitted_ > 0; }
    bool has_completions() const noexcept {
        return !overflow_.empty() || load(params_.cq_off.head) != load(params_.cq_off.tail);
    }
    // Whether enter() would find something without waiting.
    bool has_news() const noexcept;

    // Writes to an eventfd whenever there is news, unless silenced.
    bool signal_to(int event_fd) noexcept { return control(IORING_REGISTER_EVENTFD, &event_fd, 1) >= 0; }
    void silence(bool on) noexcept;

    // io_uring_register(2): what it returns, or -1 and errno.
    long control(unsigned what, const void* argument, unsigned count) const noexcept;

private:
    explicit UringRing(SystemCalls& system) : system_(system) {}

    void collect_overflow();
    io_uring_cqe& completion_at(uint32_t at) const noexcept {
        return rings_.at<io_uring_cqe>(params_.cq_off.cqes)[at & (params_.cq_entries - 1)];
    }
    uint32_t load(uint32_t offset) const noexcept;
    uint32_t flags() const noexcept { return load(params_.sq_off.flags); }

    SystemCalls& system_;
    io_uring_params params_{};
    Descriptor fd_;
    Mapping rings_;
    Mapping entries_;
    uint32_t tail_ = 0;
    uint32_t unsubmitted_ = 0;
    std::deque<io_uring_cqe> overflow_;  // taken out of a ring that was full
};

}  // namespace bine
