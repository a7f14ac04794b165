#include "bine/base/pool.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

using namespace bine;

TEST_CASE("a block of any size can be written from end to end and is aligned") {
    for (std::size_t size : {0ul, 1ul, 56ul, 57ul, 64ul, 1016ul, 1017ul, 1024ul, 1025ul, 2040ul, 2041ul, 65528ul,
                             65529ul, 65537ul, 1000000ul}) {
        CAPTURE(size);
        CHECK(pool_capacity(size) >= size);
        for (int round = 0; round < 2; ++round) {
            void* block = pool_allocate(size);
            CHECK(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t) == 0);
            std::memset(block, 0xab, size);
            pool_free(block, size);
        }
    }
}

TEST_CASE("a capacity is a size that gets no more than it says") {
    for (std::size_t size = 0; size < 70000; size += 37) {
        CHECK(pool_capacity(pool_capacity(size)) == pool_capacity(size));
        CHECK(pool_capacity(size) <= pool_capacity(size + 1));
    }
}

TEST_CASE("blocks that live at once do not overlap") {
    std::vector<unsigned char*> blocks;
    for (unsigned i = 0; i < 300; ++i) {
        auto* block = static_cast<unsigned char*>(pool_allocate(40 + i));
        std::memset(block, static_cast<int>(i % 256), 40 + i);
        blocks.push_back(block);
    }
    for (unsigned i = 0; i < 300; ++i) {
        CHECK(blocks[i][0] == i % 256);
        CHECK(blocks[i][39 + i] == i % 256);
        pool_free(blocks[i], 40 + i);
    }
    pool_free(nullptr, 10);
}

TEST_CASE("a block freed by another thread serves that one, and a thread that ends gives back what it holds") {
    std::vector<void*> blocks(100);
    for (void*& block : blocks) block = pool_allocate(128);
    std::thread other([&] {
        for (void* block : blocks) pool_free(block, 128);
        pool_free(pool_allocate(128), 128);
    });
    other.join();
    // What is freed after a thread's lists have gone must still be freed: see the leak checker.
    struct Late {
        void* block = nullptr;
        ~Late() { pool_free(block, 256); }
    };
    std::thread late([] {
        thread_local Late held;
        held.block = pool_allocate(256);
        pool_free(pool_allocate(512), 512);
    });
    late.join();
}

TEST_CASE("a pooled class is made and deleted through the pool") {
    struct Node final : Pooled<Node> {
        explicit Node(int n) : number(n) {}
        int number;
        char padding[90] = {};
    };
    for (int i = 0; i < 10; ++i) {
        auto* node = new Node(i);
        CHECK(node->number == i);
        delete node;
    }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
TEST_CASE("what has been freed last is used first") {
    void* first = pool_allocate(100);
    pool_free(first, 100);
    void* second = pool_allocate(120);
    CHECK(second == first);
    pool_free(second, 120);
}
#endif
