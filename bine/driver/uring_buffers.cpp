#include "bine/driver/uring_buffers.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace bine {

namespace {

constexpr uint16_t kIncremental = 2;       // IOU_PBUF_RING_INC, Linux 6.12
constexpr uint32_t kBufferMore = 1u << 4;  // IORING_CQE_F_BUF_MORE

}  // namespace

Result<std::unique_ptr<UringBuffers>> UringBuffers::make(uint32_t count, uint32_t size) {
    auto table = Mapping::map(count * sizeof(io_uring_buf), -1, 0);
    if (!table) return fail(table.error());
    auto memory = Mapping::map(std::size_t{count} * size, -1, 0);
    if (!memory) return fail(memory.error());
    auto buffers = std::make_unique<UringBuffers>();
    buffers->count_ = count;
    buffers->size_ = size;
    buffers->table_ = std::move(*table);
    buffers->memory_ = std::move(*memory);
    buffers->states_.resize(count);
    return buffers;
}

Result<> UringBuffers::attach(const UringRing& ring) {
    std::memset(table_.at<char>(0), 0, count_ * sizeof(io_uring_buf));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(table_.at<char>(0));
    registration.ring_entries = count_;
    registration.pad = kIncremental;  // `flags` in later headers
    if (ring.control(IORING_REGISTER_PBUF_RING, &registration, 1) < 0) {
        return fail(Error::from_errno(errno, "register incremental buffers, which takes Linux 6.12 or later"));
    }
    tail_ = 0;
    given_ = 0;
    // A buffer that somebody still looks at comes when that has ended.
    for (uint32_t i = 0; i < count_; ++i) {
        states_[i].used_up = true;
        if (states_[i].pins == 0) give(static_cast<uint16_t>(i));
    }
    offer();
    return {};
}

void UringBuffers::give(uint16_t buffer) noexcept {
    states_[buffer] = {};
    io_uring_buf& slot = table_.at<io_uring_buf>(0)[tail_ & (count_ - 1)];
    slot.addr = reinterpret_cast<uint64_t>(memory_.at<char>(std::size_t{buffer} * size_));
    slot.len = size_;
    slot.bid = buffer;
    ++tail_;
    ++given_;
}

bool UringBuffers::offer() noexcept {
    std::atomic_ref(table_.at<io_uring_buf_ring>(0)->tail).store(tail_, std::memory_order_release);
    return given_ > 0;
}

UringBuffers::Piece UringBuffers::take(const io_uring_cqe& completion) noexcept {
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    State& state = states_[buffer];
    const auto length = static_cast<uint32_t>(std::max(completion.res, 0));
    const Piece piece{{memory_.at<char>(std::size_t{buffer} * size_ + state.offset), length}, buffer};
    state.offset += length;
    state.used_up = (completion.flags & kBufferMore) == 0;
    if (state.used_up) --given_;
    ++state.pins;
    return piece;
}

void UringBuffers::unpin(uint16_t buffer) noexcept {
    State& state = states_[buffer];
    assert(state.pins > 0);
    if (--state.pins == 0 && state.used_up) give(buffer);
}

bool UringBuffers::holds(std::string_view bytes) const noexcept {
    const char* begin = memory_.at<char>(0);
    return bytes.data() >= begin && bytes.data() < begin + std::size_t{count_} * size_;
}

}  // namespace bine
