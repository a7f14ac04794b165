#include "bine/base/pool.h"

#include <bit>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define BINE_POOL_BYPASS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BINE_POOL_BYPASS 1
#endif
#endif

namespace bine {

#ifdef BINE_POOL_BYPASS

// Exact sizes, so that a write behind what was asked for is seen.
std::size_t pool_capacity(std::size_t size) noexcept { return size; }
namespace {

thread_local std::size_t in_use = 0;

}  // namespace

void* pool_allocate(std::size_t size) {
    void* block = ::operator new(size);
    ++in_use;
    return block;
}
void pool_free(void* block, std::size_t size) noexcept {
    if (block) --in_use;
    ::operator delete(block, size);
}
std::size_t pool_blocks_in_use() noexcept { return in_use; }

#else

namespace {

// Steps of 64 bytes up to 1 KiB, then powers of two up to 64 KiB, less what the system's allocator puts before a block: it
// rounds up to sixteen bytes behind that.
constexpr std::size_t kHeader = 8;
constexpr std::size_t kStep = 64;
constexpr std::size_t kSmallest = 1024;
constexpr std::size_t kLargest = 65536 - kHeader;
constexpr std::size_t kSteps = kSmallest / kStep;
constexpr std::size_t kClasses = kSteps + 6;
constexpr std::size_t kListBytes = 4u << 20;

// kClasses or more for a size that no list serves.
std::size_t class_of(std::size_t size) noexcept {
    const std::size_t last = size + kHeader - 1;
    return last < kSmallest ? last / kStep : kSteps + static_cast<std::size_t>(std::bit_width(last / kSmallest)) - 1;
}

constexpr std::size_t class_bytes(std::size_t index) noexcept {
    return (index < kSteps ? (index + 1) * kStep : kSmallest << (index - kSteps + 1)) - kHeader;
}

struct FreeBlock {
    FreeBlock* next;
};

struct FreeLists {
    FreeBlock* head[kClasses];
    uint32_t room[kClasses];  // how many more a list takes; none before the thread's first pool_free
    std::size_t taken;        // from the system, less what went back to it
    bool open;
    bool draining;  // set at the end of the thread: whatever is freed later goes back at once
};

constinit thread_local FreeLists lists{};

// Gives the lists back when the thread ends. A guard of its own, so that the fast path meets no initialisation.
void drain_at_thread_end() noexcept {
    struct Guard {
        ~Guard() {
            lists.draining = true;
            for (uint32_t& room : lists.room) room = 0;
            for (FreeBlock*& head : lists.head) {
                while (FreeBlock* block = head) {
                    head = block->next;
                    ::operator delete(block);
                }
            }
        }
    };
    thread_local Guard guard;
    (void)guard;
}

void push(std::size_t index, void* block) noexcept {
    auto* freed = static_cast<FreeBlock*>(block);
    freed->next = lists.head[index];
    lists.head[index] = freed;
    --lists.room[index];
}

void free_without_room(void* block, std::size_t index) noexcept {
    if (index >= kClasses || lists.open || lists.draining) {
        --lists.taken;
        return ::operator delete(block);
    }
    lists.open = true;
    for (std::size_t i = 0; i < kClasses; ++i) lists.room[i] = static_cast<uint32_t>(kListBytes / class_bytes(i));
    drain_at_thread_end();
    push(index, block);
}

}  // namespace

std::size_t pool_capacity(std::size_t size) noexcept { return size > kLargest ? size : class_bytes(class_of(size)); }

void* pool_allocate(std::size_t size) {
    const std::size_t index = class_of(size);
    if (index < kClasses) {
        if (FreeBlock* block = lists.head[index]) {
            lists.head[index] = block->next;
            ++lists.room[index];
            return block;
        }
        size = class_bytes(index);
    }
    void* fresh = ::operator new(size);
    ++lists.taken;
    return fresh;
}

std::size_t pool_blocks_in_use() noexcept {
    std::size_t listed = 0;
    for (const FreeBlock* block : lists.head) {
        for (; block; block = block->next) ++listed;
    }
    return lists.taken - listed;
}

void pool_free(void* block, std::size_t size) noexcept {
    if (!block) return;
    const std::size_t index = class_of(size);
    if (index >= kClasses || lists.room[index] == 0) return free_without_room(block, index);
    push(index, block);
}

#endif

}  // namespace bine
