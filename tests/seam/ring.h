// One io_uring by raw system calls: entries, completions, and a ring of buffers for receiving. No liburing, which Debian 12
// has in a version without buffer rings; constants that its kernel headers lack are here. One thread.
#pragma once

#include <linux/io_uring.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "bine/base/descriptor.h"
#include "bine/base/result.h"
#include "bine/base/time.h"

namespace bine::seam {

inline constexpr uint16_t kBufferRingIncremental = 2;  // IOU_PBUF_RING_INC, Linux 6.12
inline constexpr uint32_t kBufferMore = 1u << 4;       // IORING_CQE_F_BUF_MORE

class Mapping {
public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();
    static Result<Mapping> map(std::size_t size, int fd, uint64_t offset);

    template <class T>
    T* at(std::size_t offset) const noexcept {
        return reinterpret_cast<T*>(static_cast<char*>(data_) + offset);
    }

private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

class Ring {
public:
    // Errors: what the system says when it forbids io_uring (EPERM, ENOSYS) or is too old (EINVAL).
    static Result<std::unique_ptr<Ring>> make(unsigned entries);

    // A cleared entry, to be filled before the next call. Submits first when all are taken.
    io_uring_sqe& entry(uint8_t operation, int fd, uint64_t tag);
    // Submits, and waits for a completion until `deadline` (`now` is what the clock says); min() does not wait.
    void enter(TimePoint now, TimePoint deadline);
    // Cancels all on `fd`, and returns when that is done; the completions come as usual.
    void cancel_now(int fd);

    // Whether a completion is there; takes it.
    bool next(io_uring_cqe& completion) noexcept;

    int fd() const noexcept { return fd_.get(); }

private:
    Ring() = default;
    bool needs_enter(bool wait) const noexcept;

    io_uring_params params_{};
    Descriptor fd_;
    Mapping rings_;
    Mapping entries_;
    uint32_t tail_ = 0;
    uint32_t unsubmitted_ = 0;
};

// Memory that the kernel receives into. `incremental` buffers are filled piece after piece, the others by one piece each.
// What is delivered is pinned while somebody looks at it; a buffer goes back when it is used up and nobody does.
class Buffers {
public:
    static Result<std::unique_ptr<Buffers>> make(const Ring& ring, bool incremental, uint32_t count, uint32_t size);

    struct Piece {
        uint16_t buffer = 0;
        std::string_view bytes;
    };
    // What a receive's completion delivered, pinned.
    Piece take(const io_uring_cqe& completion) noexcept;
    void release(const Piece& piece) noexcept;

private:
    struct State {
        uint32_t offset = 0;
        uint32_t pins = 0;
        bool used_up = false;
    };

    void give(uint16_t buffer) noexcept;

    bool incremental_ = false;
    uint32_t count_ = 0;
    uint32_t size_ = 0;
    Mapping table_;
    Mapping memory_;
    uint16_t tail_ = 0;
    std::vector<State> states_;
};

}  // namespace bine::seam
