// As much of io_uring as a load generator needs, by raw system calls: one ring for one thread; sends, multishot receives out of
// provided buffers, and all that a connection needs from socket to close. Needs Linux 6.1. A failure throws std::system_error.
#pragma once

#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <system_error>

namespace bench {

[[noreturn]] inline void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// Memory from mmap, given back at the end.
class Mapping {
public:
    Mapping(std::size_t size, int fd, std::int64_t offset) : size_(size) {
        const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
        data_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, offset);
        if (data_ == MAP_FAILED) throw_errno("mmap");
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { munmap(data_, size_); }

    template <class T>
    T* at(std::size_t offset) const {
        return reinterpret_cast<T*>(static_cast<char*>(data_) + offset);
    }

private:
    void* data_;
    std::size_t size_;
};

// Makes the ring's descriptor before the mappings that need it, and outlives them.
class RingDescriptor {
public:
    RingDescriptor(unsigned entries, io_uring_params& params) {
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = entries * 4;
        fd_ = static_cast<int>(syscall(SYS_io_uring_setup, entries, &params));
        if (fd_ < 0) throw_errno("io_uring_setup");
    }
    RingDescriptor(const RingDescriptor&) = delete;
    RingDescriptor& operator=(const RingDescriptor&) = delete;
    ~RingDescriptor() { close(fd_); }

    int get() const { return fd_; }

private:
    int fd_;
};

class Ring {
public:
    // `entries` is a power of two.
    explicit Ring(unsigned entries)
        : descriptor_(entries, params_),
          rings_(ring_bytes(), descriptor_.get(), IORING_OFF_SQ_RING),
          entries_(params_.sq_entries * sizeof(io_uring_sqe), descriptor_.get(), IORING_OFF_SQES) {
        auto* index = rings_.at<unsigned>(params_.sq_off.array);
        for (unsigned i = 0; i < params_.sq_entries; ++i) index[i] = i;
    }

    // Provides `count` (a power of two) buffers of `size` bytes as group 0.
    void provide_buffers(Mapping& table, unsigned count) {
        buffers_ = table.at<io_uring_buf_ring>(0);
        buffer_mask_ = count - 1;
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
        registration.ring_entries = count;
        if (syscall(SYS_io_uring_register, descriptor_.get(), IORING_REGISTER_PBUF_RING, &registration, 1) < 0) {
            throw_errno("io_uring_register of a buffer ring");
        }
    }

    // Gives the buffer `id`, `size` bytes at `data`, to the kernel.
    void give_buffer(std::uint16_t id, char* data, unsigned size) {
        io_uring_buf& slot = first_buffer()[buffer_tail_ & buffer_mask_];
        slot.addr = reinterpret_cast<std::uintptr_t>(data);
        slot.len = size;
        slot.bid = id;
        ++buffer_tail_;
        std::atomic_ref(buffers_->tail).store(buffer_tail_, std::memory_order_release);
    }

    // Completes only if it fails or is short; `bytes` stay valid until the other side has answered them.
    void send(int fd, std::string_view bytes, std::uint64_t tag) {
        io_uring_sqe& entry = next_entry(IORING_OP_SEND, fd, tag);
        entry.addr = reinterpret_cast<std::uintptr_t>(bytes.data());
        entry.len = static_cast<unsigned>(bytes.size());
        entry.msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
        entry.flags = IOSQE_CQE_SKIP_SUCCESS;
    }

    // Completes once for each piece, until a completion comes without IORING_CQE_F_MORE.
    void receive_always(int fd, std::uint64_t tag) {
        io_uring_sqe& entry = next_entry(IORING_OP_RECV, fd, tag);
        entry.ioprio = IORING_RECV_MULTISHOT;
        entry.flags = IOSQE_BUFFER_SELECT;
    }

    // Completes once, with up to `into.size()` bytes.
    void receive(int fd, std::span<char> into, std::uint64_t tag) {
        io_uring_sqe& entry = next_entry(IORING_OP_RECV, fd, tag);
        entry.addr = reinterpret_cast<std::uintptr_t>(into.data());
        entry.len = static_cast<unsigned>(into.size());
    }

    // Completes with the descriptor of a new TCP socket.
    void open_socket(std::uint64_t tag) {
        io_uring_sqe& entry = next_entry(IORING_OP_SOCKET, AF_INET, tag);
        entry.off = SOCK_STREAM | SOCK_CLOEXEC;
    }

    // `address` outlives the operation.
    void connect(int fd, const sockaddr_in& address, std::uint64_t tag) {
        io_uring_sqe& entry = next_entry(IORING_OP_CONNECT, fd, tag);
        entry.addr = reinterpret_cast<std::uintptr_t>(&address);
        entry.off = sizeof address;
    }

    // Completes only if it fails.
    void close(int fd, std::uint64_t tag) { next_entry(IORING_OP_CLOSE, fd, tag).flags = IOSQE_CQE_SKIP_SUCCESS; }

    // Submits what was asked for and waits until something has completed, or for ever.
    void submit_and_wait() { enter(1, nullptr); }

    // The same for `most` at most.
    void submit_and_wait(std::chrono::nanoseconds most) {
        const auto count = std::max<std::int64_t>(most.count(), 0);
        const __kernel_timespec time{.tv_sec = count / 1'000'000'000, .tv_nsec = count % 1'000'000'000};
        enter(1, &time);
    }

    template <class F>
    void for_each_completion(F&& handle) {
        auto* head = rings_.at<unsigned>(params_.cq_off.head);
        auto* tail = rings_.at<unsigned>(params_.cq_off.tail);
        auto* completions = rings_.at<io_uring_cqe>(params_.cq_off.cqes);
        const unsigned end = std::atomic_ref(*tail).load(std::memory_order_acquire);
        for (unsigned i = *head; i != end; ++i) {
            handle(completions[i & (params_.cq_entries - 1)]);
            std::atomic_ref(*head).store(i + 1, std::memory_order_release);
        }
    }

private:
    // Both rings are in one mapping; which of them ends later is the kernel's affair.
    std::size_t ring_bytes() const {
        return std::max(params_.cq_off.cqes + params_.cq_entries * sizeof(io_uring_cqe),
                        params_.sq_off.array + params_.sq_entries * sizeof(unsigned));
    }

    // The flexible array of <linux/io_uring.h> is not where C++ sees it; the buffers start at the ring itself.
    io_uring_buf* first_buffer() const { return reinterpret_cast<io_uring_buf*>(buffers_); }

    io_uring_sqe& next_entry(std::uint8_t operation, int fd, std::uint64_t tag) {
        if (pending_ == params_.sq_entries) enter(0, nullptr);
        io_uring_sqe& entry = entries_.at<io_uring_sqe>(0)[tail_ & (params_.sq_entries - 1)];
        std::memset(&entry, 0, sizeof entry);
        entry.opcode = operation;
        entry.fd = fd;
        entry.user_data = tag;
        ++tail_;
        ++pending_;
        return entry;
    }

    void enter(unsigned wait_for, const __kernel_timespec* most) {
        std::atomic_ref(*rings_.at<unsigned>(params_.sq_off.tail)).store(tail_, std::memory_order_release);
        io_uring_getevents_arg argument{};
        argument.ts = reinterpret_cast<std::uintptr_t>(most);
        const unsigned flags = (wait_for > 0 ? IORING_ENTER_GETEVENTS : 0u) | (most ? IORING_ENTER_EXT_ARG : 0u);
        for (;;) {
            const long taken = syscall(SYS_io_uring_enter, descriptor_.get(), pending_, wait_for, flags,
                                       most ? &argument : nullptr, most ? sizeof argument : 0);
            if (taken < 0 && errno == EINTR) continue;
            if (taken < 0 && errno == ETIME) return;
            if (taken < 0) throw_errno("io_uring_enter");
            pending_ -= static_cast<unsigned>(taken);
            if (pending_ == 0) return;
        }
    }

    io_uring_params params_{};
    RingDescriptor descriptor_;
    Mapping rings_;
    Mapping entries_;
    unsigned tail_ = 0;
    unsigned pending_ = 0;
    io_uring_buf_ring* buffers_ = nullptr;
    unsigned buffer_mask_ = 0;
    std::uint16_t buffer_tail_ = 0;
};

}  // namespace bench
