#include "ring.h"

#include <linux/time_types.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bine::seam {

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Mapping::~Mapping() {
    if (data_) ::munmap(data_, size_);
}

Result<Mapping> Mapping::map(std::size_t size, int fd, uint64_t offset) {
    const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
    void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, static_cast<off_t>(offset));
    if (data == MAP_FAILED) return fail(Error::from_errno(errno, "map memory for a ring"));
    Mapping mapping;
    mapping.data_ = data;
    mapping.size_ = size;
    return mapping;
}

Result<std::unique_ptr<Ring>> Ring::make(unsigned entries) {
    std::unique_ptr<Ring> ring(new Ring);
    io_uring_params& params = ring->params_;
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = entries * 8;
    ring->fd_.reset(static_cast<int>(::syscall(SYS_io_uring_setup, entries, &params)));
    if (!ring->fd_) return fail(Error::from_errno(errno, "io_uring_setup"));
    const std::size_t size = std::max(params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe),
                                      params.sq_off.array + params.sq_entries * sizeof(uint32_t));
    auto rings = Mapping::map(size, ring->fd(), IORING_OFF_SQ_RING);
    auto sqes = Mapping::map(params.sq_entries * sizeof(io_uring_sqe), ring->fd(), IORING_OFF_SQES);
    if (!rings) return fail(rings.error());
    if (!sqes) return fail(sqes.error());
    ring->rings_ = std::move(*rings);
    ring->entries_ = std::move(*sqes);
    auto* index = ring->rings_.at<uint32_t>(params.sq_off.array);
    for (uint32_t i = 0; i < params.sq_entries; ++i) index[i] = i;
    return ring;
}

io_uring_sqe& Ring::entry(uint8_t operation, int fd, uint64_t tag) {
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

// Work of the kernel that waits for this thread shows in the flags of the submission ring.
bool Ring::needs_enter(bool wait) const noexcept {
    const uint32_t flags = std::atomic_ref(*rings_.at<uint32_t>(params_.sq_off.flags)).load(std::memory_order_relaxed);
    return wait || unsubmitted_ > 0 || (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

void Ring::enter(TimePoint now, TimePoint deadline) {
    const auto head = std::atomic_ref(*rings_.at<uint32_t>(params_.cq_off.head)).load(std::memory_order_relaxed);
    const auto tail = std::atomic_ref(*rings_.at<uint32_t>(params_.cq_off.tail)).load(std::memory_order_acquire);
    const bool wait = deadline > now && head == tail;
    if (!needs_enter(wait)) return;
    std::atomic_ref(*rings_.at<uint32_t>(params_.sq_off.tail)).store(tail_, std::memory_order_release);
    const auto length = wait && deadline != TimePoint::max() ? (deadline - now).count() : int64_t{0};
    __kernel_timespec timeout{.tv_sec = length / 1'000'000'000, .tv_nsec = length % 1'000'000'000};
    io_uring_getevents_arg argument{};
    if (wait && deadline != TimePoint::max()) argument.ts = reinterpret_cast<uint64_t>(&timeout);
    const long taken = ::syscall(SYS_io_uring_enter, fd(), unsubmitted_, wait ? 1 : 0,
                                 IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof argument);
    if (taken > 0) unsubmitted_ -= static_cast<uint32_t>(taken);
    // With a submission the call answers their number; alone, a time-out or a signal is its error. The kernel's head says
    // what was taken in the cases between.
    if (taken < 0) {
        const auto consumed =
            std::atomic_ref(*rings_.at<uint32_t>(params_.sq_off.head)).load(std::memory_order_acquire);
        unsubmitted_ = tail_ - consumed;
    }
}

void Ring::cancel_now(int fd) {
    enter(TimePoint(), TimePoint::min());
    io_uring_sync_cancel_reg request{};
    request.fd = fd;
    request.flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
    request.timeout = {.tv_sec = -1, .tv_nsec = -1};
    ::syscall(SYS_io_uring_register, this->fd(), IORING_REGISTER_SYNC_CANCEL, &request, 1);
}

bool Ring::next(io_uring_cqe& completion) noexcept {
    auto head = std::atomic_ref(*rings_.at<uint32_t>(params_.cq_off.head));
    const auto tail = std::atomic_ref(*rings_.at<uint32_t>(params_.cq_off.tail)).load(std::memory_order_acquire);
    const uint32_t at = head.load(std::memory_order_relaxed);
    if (at == tail) return false;
    completion = rings_.at<io_uring_cqe>(params_.cq_off.cqes)[at & (params_.cq_entries - 1)];
    head.store(at + 1, std::memory_order_release);
    return true;
}

Result<std::unique_ptr<Buffers>> Buffers::make(const Ring& ring, bool incremental, uint32_t count, uint32_t size) {
    auto table = Mapping::map(count * sizeof(io_uring_buf), -1, 0);
    auto memory = Mapping::map(std::size_t{count} * size, -1, 0);
    if (!table) return fail(table.error());
    if (!memory) return fail(memory.error());
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(table->at<char>(0));
    registration.ring_entries = count;
    registration.pad = incremental ? kBufferRingIncremental : uint16_t{0};  // `flags` in later headers
    if (::syscall(SYS_io_uring_register, ring.fd(), IORING_REGISTER_PBUF_RING, &registration, 1) < 0) {
        return fail(Error::from_errno(errno, "register a ring of buffers"));
    }
    auto buffers = std::make_unique<Buffers>();
    buffers->incremental_ = incremental;
    buffers->count_ = count;
    buffers->size_ = size;
    buffers->table_ = std::move(*table);
    buffers->memory_ = std::move(*memory);
    buffers->states_.resize(count);
    for (uint32_t i = 0; i < count; ++i) buffers->give(static_cast<uint16_t>(i));
    return buffers;
}

void Buffers::give(uint16_t buffer) noexcept {
    states_[buffer] = {};
    io_uring_buf& slot = table_.at<io_uring_buf>(0)[tail_ & (count_ - 1)];
    slot.addr = reinterpret_cast<uint64_t>(memory_.at<char>(std::size_t{buffer} * size_));
    slot.len = size_;
    slot.bid = buffer;
    ++tail_;
    auto* ring = table_.at<io_uring_buf_ring>(0);
    std::atomic_ref(ring->tail).store(tail_, std::memory_order_release);
}

Buffers::Piece Buffers::take(const io_uring_cqe& completion) noexcept {
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    State& state = states_[buffer];
    const auto length = static_cast<uint32_t>(std::max(completion.res, 0));
    const Piece piece{buffer, {memory_.at<char>(std::size_t{buffer} * size_ + state.offset), length}};
    state.offset += length;
    state.used_up = !incremental_ || (completion.flags & kBufferMore) == 0;
    ++state.pins;
    return piece;
}

void Buffers::release(const Piece& piece) noexcept {
    State& state = states_[piece.buffer];
    if (--state.pins == 0 && state.used_up) give(piece.buffer);
}

}  // namespace bine::seam
