/* One io_uring loop for the floors on io_uring, by raw system calls: multishot accept, multishot receives into one ring of
 * provided buffers, sends that are gathered during the turn, and one system call a turn, which submits and waits. Needs Linux 6.12
 * for incremental buffers: a small message takes of a buffer only what it needs, a large one all of it.
 *
 * A program defines the three functions that are declared here. Every send is tried once, within the call that submits it; one that
 * took everything completes silently, so the bytes may lie in the receive buffer: buffers go back to the kernel when the
 * sends of their turn have been tried. */
#pragma once

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "floor.h"

enum { kEntries = 4096, kBuffers = 16, kBufferBytes = 65536 };
/* Newer than the headers of Debian 12, where the flags of a registration are called `pad`. */
enum { kIncremental = 2, kBufferMore = 1 << 4 };
enum { kAccept = 1, kReceive, kSend, kClose };

/* `data` is valid until the next end_turn has been submitted. */
static void received(int fd, char* data, size_t size);
/* A send that was not silent: `result` bytes of it left, or -errno. */
static void send_ended(int fd, int result);
/* The peer is gone: whoever defines this closes the descriptor. Until then it stays open, shut down at most. */
static void end_received(int fd);
/* All that has completed was handed out: send what is to be sent. */
static void end_turn(void);

static struct {
    int fd;
    struct io_uring_params params;
    char* rings;
    struct io_uring_sqe* entries;
    unsigned tail;
    unsigned pending;
} ring;

static struct {
    struct io_uring_buf_ring* ring;
    char* memory;
    unsigned offsets[kBuffers];
    uint16_t used[kBuffers];
    unsigned used_count;
    uint16_t tail;
} buffers;

/* Descriptors whose receive ended for want of buffers. */
static int starved[kMaxConnections];
static unsigned starved_count;

static void* map(size_t size, int fd, off_t offset) {
    const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
    void* const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);
    require(memory != MAP_FAILED, "mmap");
    return memory;
}

static atomic_uint* ring_number(unsigned offset) { return (atomic_uint*)(void*)(ring.rings + offset); }

static void open_ring(void) {
    ring.params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    ring.params.cq_entries = kEntries * 4;
    ring.fd = (int)syscall(SYS_io_uring_setup, kEntries, &ring.params);
    require(ring.fd >= 0, "io_uring_setup");
    const size_t completions = ring.params.cq_off.cqes + ring.params.cq_entries * sizeof(struct io_uring_cqe);
    const size_t submissions = ring.params.sq_off.array + ring.params.sq_entries * sizeof(unsigned);
    ring.rings = map(completions > submissions ? completions : submissions, ring.fd, IORING_OFF_SQ_RING);
    ring.entries = map(ring.params.sq_entries * sizeof(struct io_uring_sqe), ring.fd, IORING_OFF_SQES);
    unsigned* const index = (unsigned*)(void*)(ring.rings + ring.params.sq_off.array);
    for (unsigned i = 0; i < ring.params.sq_entries; ++i) index[i] = i;
}

static void give_buffer(uint16_t id) {
    struct io_uring_buf* const slot = &buffers.ring->bufs[buffers.tail++ & (kBuffers - 1)];
    slot->addr = (uintptr_t)(buffers.memory + (size_t)id * kBufferBytes);
    slot->len = kBufferBytes;
    slot->bid = id;
    buffers.offsets[id] = 0;
    atomic_store_explicit((_Atomic uint16_t*)&buffers.ring->tail, buffers.tail, memory_order_release);
}

static void provide_buffers(void) {
    buffers.ring = map(kBuffers * sizeof(struct io_uring_buf), -1, 0);
    buffers.memory = map((size_t)kBuffers * kBufferBytes, -1, 0);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)buffers.ring, .ring_entries = kBuffers, .pad = kIncremental};
    require(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PBUF_RING, &registration, 1) == 0,
            "io_uring_register of an incremental buffer ring");
    for (uint16_t i = 0; i < kBuffers; ++i) give_buffer(i);
}

static void enter(unsigned wait_for) {
    atomic_store_explicit(ring_number(ring.params.sq_off.tail), ring.tail, memory_order_release);
    do {
        const long taken =
            syscall(SYS_io_uring_enter, ring.fd, ring.pending, wait_for, IORING_ENTER_GETEVENTS, NULL, 0);
        require(taken >= 0 || errno == EINTR, "io_uring_enter");
        if (taken > 0) ring.pending -= (unsigned)taken;
    } while (ring.pending > 0);
}

static struct io_uring_sqe* next_entry(uint8_t operation, int fd, unsigned tag) {
    if (ring.pending == ring.params.sq_entries) enter(0);
    struct io_uring_sqe* const entry = &ring.entries[ring.tail++ & (ring.params.sq_entries - 1)];
    ++ring.pending;
    memset(entry, 0, sizeof *entry);
    entry->opcode = operation;
    entry->fd = fd;
    entry->user_data = (uint64_t)tag << 32 | (unsigned)fd;
    return entry;
}

static void accept_always(int listener) {
    struct io_uring_sqe* const entry = next_entry(IORING_OP_ACCEPT, listener, kAccept);
    entry->ioprio = IORING_ACCEPT_MULTISHOT;
    entry->accept_flags = SOCK_CLOEXEC;
}

/* For connections that are received from once: then nothing stays armed, and the program asks for more itself. */
static bool receives_once;

static void receive_always(int fd) {
    struct io_uring_sqe* const entry = next_entry(IORING_OP_RECV, fd, kReceive);
    if (!receives_once) entry->ioprio = IORING_RECV_MULTISHOT;
    entry->flags = IOSQE_BUFFER_SELECT;
}

static void close_later(int fd) { next_entry(IORING_OP_CLOSE, fd, kClose)->flags = IOSQE_CQE_SKIP_SUCCESS; }

/* Tried once, silent when all of it left. */
static void send_now(int fd, const char* data, size_t size) {
    struct io_uring_sqe* const entry = next_entry(IORING_OP_SEND, fd, kSend);
    entry->addr = (uintptr_t)data;
    entry->len = (unsigned)size;
    entry->msg_flags = MSG_WAITALL | MSG_DONTWAIT | MSG_NOSIGNAL;
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
}

/* The same for more than one piece; `message` and what it names stay until the call that submits. */
static __attribute__((unused)) void send_message_now(int fd, const struct msghdr* message) {
    struct io_uring_sqe* const entry = next_entry(IORING_OP_SENDMSG, fd, kSend);
    entry->addr = (uintptr_t)message;
    entry->len = 1;
    entry->msg_flags = MSG_WAITALL | MSG_DONTWAIT | MSG_NOSIGNAL;
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
}

/* Waits for the socket to have room, and always completes. */
static void send_when_possible(int fd, const char* data, size_t size) {
    struct io_uring_sqe* const entry = next_entry(IORING_OP_SEND, fd, kSend);
    entry->addr = (uintptr_t)data;
    entry->len = (unsigned)size;
    entry->msg_flags = MSG_NOSIGNAL;
}

static void take_received(const struct io_uring_cqe* completion) {
    const int fd = (int)(unsigned)completion->user_data;
    if (completion->res > 0) {
        const uint16_t id = (uint16_t)(completion->flags >> IORING_CQE_BUFFER_SHIFT);
        char* const data = buffers.memory + (size_t)id * kBufferBytes + buffers.offsets[id];
        buffers.offsets[id] += (unsigned)completion->res;
        if (!(completion->flags & kBufferMore)) buffers.used[buffers.used_count++] = id;
        received(fd, data, (size_t)completion->res);
        if (!(completion->flags & IORING_CQE_F_MORE) && !receives_once) starved[starved_count++] = fd;
    } else if (completion->res == -ENOBUFS) {
        starved[starved_count++] = fd;
    } else {
        end_received(fd);
    }
}

static void take_accepted(const struct io_uring_cqe* completion, int listener) {
    if (completion->res >= kMaxConnections) {
        close(completion->res);
    } else if (completion->res >= 0) {
        receive_always(completion->res);
    }
    if (!(completion->flags & IORING_CQE_F_MORE)) accept_always(listener);
}

static void return_buffers(void) {
    for (unsigned i = 0; i < buffers.used_count; ++i) give_buffer(buffers.used[i]);
    buffers.used_count = 0;
}

/* Sends that were cut short first: what they could not send still lies in the buffers that go back next. */
static void take_completions(int listener) {
    struct io_uring_cqe* const completions = (struct io_uring_cqe*)(void*)(ring.rings + ring.params.cq_off.cqes);
    const unsigned mask = ring.params.cq_entries - 1;
    const unsigned begin = atomic_load_explicit(ring_number(ring.params.cq_off.head), memory_order_relaxed);
    const unsigned end = atomic_load_explicit(ring_number(ring.params.cq_off.tail), memory_order_acquire);
    for (unsigned i = begin; i != end; ++i) {
        const struct io_uring_cqe* const one = &completions[i & mask];
        if (one->user_data >> 32 == kSend) send_ended((int)(unsigned)one->user_data, one->res);
    }
    return_buffers();
    for (unsigned i = begin; i != end; ++i) {
        const struct io_uring_cqe* const one = &completions[i & mask];
        if (one->user_data >> 32 == kReceive) take_received(one);
        if (one->user_data >> 32 == kAccept) take_accepted(one, listener);
    }
    atomic_store_explicit(ring_number(ring.params.cq_off.head), end, memory_order_release);
}

/* The first `count` of those that starved: buffers have come back since. */
static void feed_starved(unsigned count) {
    for (unsigned i = 0; i < count; ++i) receive_always(starved[i]);
    starved_count -= count;
    memmove(starved, starved + count, starved_count * sizeof *starved);
}

static void serve(int port) {
    open_ring();
    provide_buffers();
    const int listener = listen_on(port, "io_uring");
    accept_always(listener);
    for (;;) {
        const unsigned hungry = starved_count;
        enter(hungry > 0 ? 0 : 1);
        take_completions(listener);
        feed_starved(hungry);
        end_turn();
    }
}
