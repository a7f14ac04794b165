#include "bine/http/input_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "bine/base/pool.h"

namespace bine::http {

namespace {

constexpr std::size_t kFirstBlock = 1024 - 8;  // what the pool serves without a rest

}  // namespace

void InputBuffer::append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (!block_ || block_->end + bytes.size() > block_->capacity) make_room(bytes.size());
    std::memcpy(block_->bytes() + block_->end, bytes.data(), bytes.size());
    block_->end += static_cast<uint32_t>(bytes.size());
}

void InputBuffer::make_room(std::size_t more) {
    const std::string_view known = view();
    if (block_ && known.size() + more <= block_->capacity / 2) {
        std::memmove(block_->bytes(), known.data(), known.size());
    } else {
        const std::size_t wanted = sizeof(Block) + std::max(known.size() + more, 2 * known.size());
        const std::size_t size = pool_capacity(std::max(kFirstBlock, wanted));
        auto* const block = new (pool_allocate(size)) Block{.capacity = static_cast<uint32_t>(size - sizeof(Block))};
        if (!known.empty()) std::memcpy(block->bytes(), known.data(), known.size());
        release();
        block_ = block;
    }
    block_->begin = 0;
    block_->end = static_cast<uint32_t>(known.size());
}

void InputBuffer::keep_last(std::size_t left) noexcept {
    if (left == 0) return release();
    block_->begin = block_->end - static_cast<uint32_t>(left);
}

void InputBuffer::release() noexcept {
    if (block_) pool_free(block_, sizeof(Block) + block_->capacity);
    block_ = nullptr;
}

}  // namespace bine::http
