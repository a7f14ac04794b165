// Memory that an io_uring receives into, shared by all its connections: a ring of buffers that the kernel fills piece after
// piece (IOU_PBUF_RING_INC, Linux 6.12), so that small messages lie close together and large ones find room, whatever the
// traffic. Internal to the io_uring driver.
//
// A piece is pinned while somebody looks at it. A buffer goes back to the kernel when it is used up and nobody does. Pieces
// carry no offset: they must be taken in the order in which they completed.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bine/driver/uring_ring.h"

namespace bine {

class UringBuffers {
public:
    // `count` is a power of two. Errors: EINVAL where the kernel is too old.
    static Result<std::unique_ptr<UringBuffers>> make(uint32_t count, uint32_t size);
    // What has not been taken from an earlier ring is void.
    Result<> attach(const UringRing& ring);

    struct Piece {
        std::string_view bytes;
        uint16_t buffer = 0;
    };
    // What a receive has delivered, pinned.
    Piece take(const io_uring_cqe& completion) noexcept;
    void pin(uint16_t buffer) noexcept { ++states_[buffer].pins; }
    void unpin(uint16_t buffer) noexcept;
    void unpin(const Piece& piece) noexcept { unpin(piece.buffer); }

    bool holds(std::string_view bytes) const noexcept;
    uint16_t buffer_of(std::string_view bytes) const noexcept {
        return static_cast<uint16_t>(static_cast<std::size_t>(bytes.data() - memory_.at<char>(0)) / size_);
    }
    // Whether the kernel has any. Shows to it what has gone back.
    bool offer() noexcept;

private:
    struct State {
        uint32_t offset = 0;
        uint32_t pins = 0;
        bool used_up = false;
    };

    void give(uint16_t buffer) noexcept;

    uint32_t count_ = 0;
    uint32_t size_ = 0;
    uint32_t given_ = 0;
    Mapping table_;
    Mapping memory_;
    uint16_t tail_ = 0;
    std::vector<State> states_;
};

}  // namespace bine
