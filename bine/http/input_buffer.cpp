#include "bine/http/input_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "bine/base/pool.h"

namespace bine::http {

namespace {

constexpr std::size_t kFirstBlock = 1024;

}  // namespace

void InputBuffer::append(std::string_view bytes) {
    if (bytes.empty()) return;
    const std::size_t known = size();
    if (end_ + bytes.size() > capacity_) {
        if (known + bytes.size() <= capacity_ / 2) {
            std::memmove(block_, block_ + begin_, known);
        } else {
            const std::size_t wanted = std::max({kFirstBlock, known + bytes.size(), 2 * known});
            const std::size_t size = pool_capacity(wanted);
            auto* block = static_cast<char*>(pool_allocate(size));
            if (known != 0) std::memcpy(block, view().data(), known);
            release();
            block_ = block;
            capacity_ = static_cast<uint32_t>(size);
        }
        begin_ = 0;
        end_ = static_cast<uint32_t>(known);
    }
    std::memcpy(block_ + end_, bytes.data(), bytes.size());
    end_ += static_cast<uint32_t>(bytes.size());
}

void InputBuffer::keep_last(std::size_t left) noexcept {
    begin_ = end_ - static_cast<uint32_t>(left);
    if (left == 0) release();
}

void InputBuffer::release() noexcept {
    if (block_) pool_free(block_, capacity_);
    block_ = nullptr;
    begin_ = end_ = capacity_ = 0;
}

}  // namespace bine::http
