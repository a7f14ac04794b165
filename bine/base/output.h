// What is to be sent, in order: bytes of several kinds of ownership, ranges of files, descriptors to pass.
//
// An Output is a queue of segments. Small copies gather in one pooled block, so that a response written in ten pieces
// leaves in one; large ones, shared ones and static ones are referred to, not copied. Moving one into another is O(1).
// Not thread-safe.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bine/base/descriptor.h"
#include "bine/base/ref.h"
#include "bine/base/shared_bytes.h"

namespace bine {

class Output {
public:
    // A part of a file, read when it is sent. The file must keep its length until then.
    struct FileRange {
        Ref<SharedFile> file;
        uint64_t offset = 0;
        uint64_t length = 0;
    };

    Output() = default;
    Output(Output&& other) noexcept;
    Output& operator=(Output&& other) noexcept;
    ~Output() {
        if (head_) clear();
    }

    // Copies.
    void append(std::string_view bytes);
    // Refers to: the caller keeps `bytes` alive and unchanged for ever (literals, tables).
    void append_fixed(std::string_view bytes);
    void append(SharedBytes bytes);
    // Takes the string; short ones are copied.
    void append_owned(std::string&& bytes);
    void append(FileRange range);
    // Goes out together with the first byte appended after it (SCM_RIGHTS, Unix sockets only).
    void append(Descriptor descriptor);
    // Takes all of `other` and leaves it empty.
    void append(Output&& other);

    // At least `size` writable bytes, of which commit() takes over the first `used`; nothing else may come between.
    std::span<char> prepare(std::size_t size);
    void commit(std::size_t used) noexcept;

    // Bytes to send, those in files included.
    uint64_t size() const noexcept { return size_; }
    // True when there is nothing left to send, descriptors included.
    bool empty() const noexcept { return size_ == 0 && descriptors_ == 0; }
    void clear() noexcept;

    // The bytes in memory at the front, up to a file range or a descriptor; returns how many entries were filled.
    // Views stay valid until the next call that changes this object.
    std::size_t gather(std::span<iovec> into) const noexcept;
    // The first of them; empty when there are none.
    std::string_view front_bytes() const noexcept;
    // Null unless the front is a file range or a descriptor.
    const FileRange* front_file() const noexcept;
    const Descriptor* front_descriptor() const noexcept;
    // The front descriptor, which leaves the queue.
    Descriptor take_descriptor() noexcept;
    // Forgets the first `count` bytes, which must be in front of any descriptor.
    void consume(uint64_t count) noexcept;

    // Everything as one string, read from files too. For tests and for small messages.
    // Errors: a file that cannot be read, or has become shorter, throws Error.
    std::string to_string() const;

private:
    enum class Kind : uint8_t { block, reference, file, descriptor };
    struct Segment;
    struct Reference;

    void push(Segment* segment) noexcept;
    Reference& push_reference(Kind kind);
    void pop() noexcept;
    const Segment* front() const noexcept;
    static void release(Segment* segment) noexcept;

    Segment* head_ = nullptr;
    Segment* tail_ = nullptr;
    uint64_t size_ = 0;
    uint32_t descriptors_ = 0;
};

}  // namespace bine
