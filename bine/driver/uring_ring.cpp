#include "bine/driver/uring_ring.h"

#include <linux/time_types.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace bine {

Mapping::~Mapping() {
    if (data_) ::munmap(data_, size_);
}

Result<Mapping> Mapping::map(std::size_t size, int fd, uint64_t offset) {
    const int flags = MAP_POPULATE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
    void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, static_cast<off_t>(offset));
    if (data == MAP_FAILED) return fail(Error::from_errno(errno, "map memory for io_uring"));
    Mapping mapping;
    mapping.data_ = data;
    mapping.size_ = size;
    return mapping;
}

namespace {

Error refusal(int error) {
    const char* why = "";
    if (error == EPERM) why = ", which a container's seccomp filter or kernel.io_uring_disabled forbids";
    if (error == EINVAL) why = ", which takes Linux 6.12 or later";
    return Error::from_errno(error, "make a ring" + std::string(why));
}

}  // namespace

Result<std::unique_ptr<UringRing>> UringRing::make(unsigned entries, unsigned completions, SystemCalls& system) {
    std::unique_ptr<UringRing> ring(new UringRing(system));
    io_uring_params& params = ring->params_;
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                   IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    params.cq_entries = completions;
    ring->fd_.reset(static_cast<int>(::syscall(SYS_io_uring_setup, entries, &params)));
    if (!ring->fd_) return fail(refusal(errno));
    const int fd = ring->fd_.get();
    const std::size_t size = std::max(params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe),
                                      params.sq_off.array + params.sq_entries * sizeof(uint32_t));
    auto rings = Mapping::map(size, fd, IORING_OFF_SQ_RING);
    if (!rings) return fail(rings.error());
    auto memory = Mapping::map(params.sq_entries * sizeof(io_uring_sqe), fd, IORING_OFF_SQES);
    if (!memory) return fail(memory.error());
    ring->rings_ = std::move(*rings);
    ring->entries_ = std::move(*memory);
    auto* index = ring->rings_.at<uint32_t>(params.sq_off.array);
    for (uint32_t i = 0; i < params.sq_entries; ++i) index[i] = i;
    return ring;
}

long UringRing::control(unsigned what, const void* argument, unsigned count) const noexcept {
    return ::syscall(SYS_io_uring_register, fd_.get(), what, argument, count);
}

uint32_t UringRing::load(uint32_t offset) const noexcept {
    return std::atomic_ref(*rings_.at<uint32_t>(offset)).load(std::memory_order_acquire);
}

io_uring_sqe& UringRing::entry(uint8_t operation, int fd, uint64_t tag) {
    while (unsubmitted_ == params_.sq_entries) enter(TimePoint(), TimePoint::min());
    io_uring_sqe& entry = entries_.at<io_uring_sqe>(0)[tail_ & (params_.sq_entries - 1)];
    std::memset(&entry, 0, sizeof entry);
    entry.opcode = operation;
    entry.fd = fd;
    entry.user_data = tag;
    ++tail_;
    ++unsubmitted_;
    return entry;
}

bool UringRing::has_news() const noexcept {
    return has_completions() || (flags() & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

void UringRing::enter(TimePoint now, TimePoint deadline) {
    const bool wait = deadline > now && !has_completions();
    if (!wait && unsubmitted_ == 0 && (flags() & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) == 0) return;
    for (uint32_t i = tail_ - unsubmitted_; i != tail_; ++i) {
        system_.submitting(entries_.at<io_uring_sqe>(0)[i & (params_.sq_entries - 1)]);
    }
    std::atomic_ref(*rings_.at<uint32_t>(params_.sq_off.tail)).store(tail_, std::memory_order_release);
    const bool limited = wait && deadline != TimePoint::max();
    const auto length = limited ? (deadline - now).count() : int64_t{0};
    __kernel_timespec timeout{.tv_sec = length / 1'000'000'000, .tv_nsec = length % 1'000'000'000};
    io_uring_getevents_arg argument{};
    if (limited) argument.ts = reinterpret_cast<uint64_t>(&timeout);
    const uint32_t ways = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    ::syscall(SYS_io_uring_enter, fd_.get(), unsubmitted_, wait ? 1 : 0, ways, &argument, sizeof argument);
    // What it returns is the number of entries, or why it did not wait; the kernel's head says what was taken in any case.
    unsubmitted_ = tail_ - load(params_.sq_off.head);
}

void UringRing::cancel_now(int fd) {
    enter(TimePoint(), TimePoint::min());
    io_uring_sync_cancel_reg request{};
    request.fd = fd;
    request.flags = IORING_ASYNC_CANCEL_ALL | (fd < 0 ? IORING_ASYNC_CANCEL_ANY : IORING_ASYNC_CANCEL_FD);
    request.timeout = {.tv_sec = -1, .tv_nsec = -1};
    control(IORING_REGISTER_SYNC_CANCEL, &request, 1);
    enter(TimePoint(), TimePoint::min());  // which lets go of the descriptors
}

// What does not fit comes when there is room.
void UringRing::collect_overflow() {
    while (flags() & IORING_SQ_CQ_OVERFLOW) {
        auto head = std::atomic_ref(*rings_.at<uint32_t>(params_.cq_off.head));
        for (uint32_t i = head.load(std::memory_order_relaxed); i != load(params_.cq_off.tail); ++i) {
            overflow_.push_back(completion_at(i));
            head.store(i + 1, std::memory_order_release);
        }
        enter(TimePoint(), TimePoint::min());
    }
}

bool UringRing::fetch_overflow() {
    if ((flags() & IORING_SQ_CQ_OVERFLOW) == 0) return false;
    enter(TimePoint(), TimePoint::min());
    return true;
}

bool UringRing::next(io_uring_cqe& completion) noexcept {
    if (!has_completions()) return false;
    if (!overflow_.empty()) {
        completion = overflow_.front();
        overflow_.pop_front();
        return true;
    }
    auto head = std::atomic_ref(*rings_.at<uint32_t>(params_.cq_off.head));
    const uint32_t at = head.load(std::memory_order_relaxed);
    completion = completion_at(at);
    head.store(at + 1, std::memory_order_release);
    return true;
}

void UringRing::silence(bool on) noexcept {
    std::atomic_ref(*rings_.at<uint32_t>(params_.cq_off.flags))
        .store(on ? uint32_t{IORING_CQ_EVENTFD_DISABLED} : 0, std::memory_order_seq_cst);
}

}  // namespace bine
