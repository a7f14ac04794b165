// Memory that is used again: free lists of a thread, by size, for what comes and goes with every request
// (coroutine frames, output blocks, queued calls). Steady state allocates nothing and gives nothing back.
//
// A block may be freed by another thread than took it; it then serves that one. Each list is bounded, so memory that
// wanders from thread to thread does not pile up. Under AddressSanitizer every call goes to operator new and delete.
#pragma once

#include <cstddef>
#include <new>

namespace bine {

// At least `size` bytes, aligned to max_align_t. Throws std::bad_alloc.
[[nodiscard]] void* pool_allocate(std::size_t size);
// `size` must be what was asked for.
void pool_free(void* block, std::size_t size) noexcept;
// The bytes that a request for `size` really gets: what a growing buffer may use.
std::size_t pool_capacity(std::size_t size) noexcept;
// Blocks that this thread has taken and not given back, for tests that look for what is left over. Not a fast call; blocks
// that went from thread to thread count where they were taken and where they were freed.
std::size_t pool_blocks_in_use() noexcept;

// Gives a class pooled new and delete.
template <class T>
class Pooled {
public:
    static void* operator new(std::size_t size) {
        static_assert(alignof(T) <= alignof(std::max_align_t));
        return pool_allocate(size);
    }
    static void operator delete(void* block, std::size_t size) noexcept { pool_free(block, size); }

protected:
    ~Pooled() = default;
};

}  // namespace bine
