// Input of a connection that could not be used yet: one pooled block, and none while there is nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace bine::http {

class InputBuffer {
public:
    InputBuffer() = default;
    InputBuffer(const InputBuffer&) = delete;
    InputBuffer& operator=(const InputBuffer&) = delete;
    ~InputBuffer() { release(); }

    std::string_view view() const noexcept { return {block_ + begin_, size()}; }
    std::size_t size() const noexcept { return end_ - begin_; }
    bool empty() const noexcept { return begin_ == end_; }

    // May move what is there. Must not be given a part of itself.
    void append(std::string_view bytes);
    void swap(InputBuffer& other) noexcept {
        std::swap(block_, other.block_);
        std::swap(begin_, other.begin_);
        std::swap(end_, other.end_);
        std::swap(capacity_, other.capacity_);
    }
    // Keeps the last `left` bytes.
    void keep_last(std::size_t left) noexcept;

private:
    void release() noexcept;

    char* block_ = nullptr;
    uint32_t begin_ = 0;
    uint32_t end_ = 0;
    uint32_t capacity_ = 0;
};

}  // namespace bine::http
