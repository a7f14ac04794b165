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

    std::string_view view() const noexcept {
        return block_ ? std::string_view(block_->bytes() + block_->begin, block_->end - block_->begin)
                      : std::string_view();
    }
    std::size_t size() const noexcept { return block_ ? block_->end - block_->begin : 0; }
    bool empty() const noexcept { return block_ == nullptr; }

    // May move what is there. Must not be given a part of itself.
    void append(std::string_view bytes);
    void swap(InputBuffer& other) noexcept { std::swap(block_, other.block_); }
    // Keeps the last `left` bytes.
    void keep_last(std::size_t left) noexcept;

private:
    struct Block {
        uint32_t begin = 0;  // of what is there: never nothing
        uint32_t end = 0;
        uint32_t capacity = 0;

        char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
    };

    void make_room(std::size_t more);
    void release() noexcept;

    Block* block_ = nullptr;
};

}  // namespace bine::http
