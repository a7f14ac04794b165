// Theory: one pooled allocation a segment. A copying segment is a header with its bytes behind it and room to grow; only
// the last one grows. The first block of an Output is small (most answers are) unless what comes at once is larger, the next
// ones are larger, so that an idle connection costs nothing, a small answer one block of 1 KiB, and a megabyte written in small
// pieces a few dozen.
// Every other segment is a Reference: its bytes are elsewhere.
#include "bine/base/output.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "bine/base/error.h"
#include "bine/base/pool.h"

namespace bine {

SharedBytes SharedBytes::copy(std::string_view bytes) { return take(std::string(bytes)); }

SharedBytes SharedBytes::take(std::string bytes) {
    SharedBytes shared;
    shared.block_ = Ref<Block>(new Block(std::move(bytes)));
    return shared;
}

namespace {

constexpr std::size_t kFirstBlock = 1024 - 8;  // what the pool serves without a rest
constexpr std::size_t kSecondBlock = 4096 - 8;
constexpr std::size_t kNextBlock = 16384 - 8;
constexpr std::size_t kLargestBlock = 65536;
constexpr std::size_t kWorthSharing = 512;

}  // namespace

struct Output::Segment {
    Segment(Kind its_kind, std::size_t allocation, std::size_t its_room) noexcept
        : allocated(allocation), room(its_room), kind(its_kind) {}

    // One that holds at least `room` bytes of its own.
    static Segment* make_block(std::size_t room) {
        const std::size_t wanted = sizeof(Segment) + room;
        const std::size_t allocation = wanted == kFirstBlock ? kFirstBlock : pool_capacity(wanted);
        auto* segment = new (pool_allocate(allocation)) Segment(Kind::block, allocation, allocation - sizeof(Segment));
        segment->data = reinterpret_cast<char*>(segment + 1);
        return segment;
    }

    bool in_memory() const noexcept { return kind <= Kind::reference; }

    Segment* next = nullptr;
    const char* data = nullptr;
    std::size_t length = 0;
    const std::size_t allocated;
    std::size_t room;  // behind the bytes, in this block
    Kind kind;
};

struct Output::Reference : Segment {
    explicit Reference(Kind its_kind) noexcept : Segment(its_kind, sizeof(Reference), 0) {}
    static Reference* make(Kind its_kind) { return new (pool_allocate(sizeof(Reference))) Reference(its_kind); }

    Ref<SharedBytes::Block> shared;
    FileRange range;
    Descriptor descriptor;
};

Output::Output(Output&& other) noexcept { append(std::move(other)); }

Output& Output::operator=(Output&& other) noexcept {
    if (this != &other) {
        clear();
        append(std::move(other));
    }
    return *this;
}

void Output::push(Segment* segment) noexcept {
    (tail_ ? tail_->next : head_) = segment;
    tail_ = segment;
}

Output::Reference& Output::push_reference(Kind kind) {
    Reference* reference = Reference::make(kind);
    push(reference);
    return *reference;
}

void Output::release(Segment* segment) noexcept {
    const std::size_t allocated = segment->allocated;
    if (segment->kind != Kind::block) static_cast<Reference*>(segment)->~Reference();
    pool_free(segment, allocated);
}

void Output::pop() noexcept {
    Segment* first = head_;
    head_ = first->next;
    if (!head_) tail_ = nullptr;
    release(first);
}

void Output::clear() noexcept {
    for (Segment* next = std::exchange(head_, nullptr); Segment* const segment = next;) {
        next = segment->next;
        release(segment);
    }
    tail_ = nullptr;
    size_ = 0;
    descriptors_ = 0;
}

void Output::append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (!tail_) {
        constexpr std::size_t kFirst = kFirstBlock - sizeof(Segment);
        push(bytes.size() <= kFirst ? Segment::make_block(kFirst)
                                    : Segment::make_block(std::min(bytes.size(), kLargestBlock - sizeof(Segment))));
    }
    if (tail_->room >= bytes.size()) {
        std::memcpy(const_cast<char*>(tail_->data) + tail_->length, bytes.data(), bytes.size());
        return commit(bytes.size());
    }
    while (!bytes.empty()) {
        const std::span<char> room = prepare(1);
        const std::size_t count = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), count);
        commit(count);
        bytes.remove_prefix(count);
        if (!bytes.empty()) prepare(std::min(bytes.size(), kLargestBlock - sizeof(Segment)));
    }
}

void Output::append_fixed(std::string_view bytes) {
    if (bytes.empty()) return;
    if (bytes.size() < kWorthSharing && tail_ && tail_->room >= bytes.size()) {
        append(bytes);
        return;
    }
    Reference& segment = push_reference(Kind::reference);
    segment.data = bytes.data();
    segment.length = bytes.size();
    size_ += bytes.size();
}

void Output::append(SharedBytes bytes) {
    const std::string_view view = bytes.view();
    if (view.size() < kWorthSharing) {
        append(view);
        return;
    }
    Reference& segment = push_reference(Kind::reference);
    segment.data = view.data();
    segment.length = view.size();
    segment.shared = std::move(bytes.block_);
    size_ += view.size();
}

void Output::append_owned(std::string&& bytes) {
    if (bytes.size() < kWorthSharing) {
        append(std::string_view(bytes));
    } else {
        append(SharedBytes::take(std::move(bytes)));
    }
}

void Output::append(FileRange range) {
    if (range.length == 0) return;
    Reference& segment = push_reference(Kind::file);
    size_ += range.length;
    segment.range = std::move(range);
}

void Output::append(Descriptor descriptor) {
    Reference& segment = push_reference(Kind::descriptor);
    segment.descriptor = std::move(descriptor);
    ++descriptors_;
}

void Output::append(Output&& other) {
    if (this == &other || !other.head_) return;
    (tail_ ? tail_->next : head_) = other.head_;
    tail_ = other.tail_;
    size_ += std::exchange(other.size_, 0);
    descriptors_ += std::exchange(other.descriptors_, 0);
    other.head_ = other.tail_ = nullptr;
}

std::span<char> Output::prepare(std::size_t size) {
    if (!tail_ || tail_->room < size) {
        const std::size_t block = !tail_ ? kFirstBlock : size_ < kSecondBlock ? kSecondBlock : kNextBlock;
        push(Segment::make_block(std::max(size, block - sizeof(Segment))));
    }
    return {const_cast<char*>(tail_->data) + tail_->length, tail_->room};
}

void Output::commit(std::size_t used) noexcept {
    tail_->length += used;
    tail_->room -= used;
    size_ += used;
}

std::size_t Output::gather(std::span<iovec> into) const noexcept {
    std::size_t count = 0;
    for (Segment* at = head_; at && at->in_memory() && count < into.size(); at = at->next) {
        if (at->length == 0) continue;
        into[count++] = {const_cast<char*>(at->data), at->length};
    }
    return count;
}

std::string_view Output::front_bytes() const noexcept {
    const Segment* first = front();
    return first && first->in_memory() ? std::string_view(first->data, first->length) : std::string_view();
}

// The first segment that holds something: prepare() without a commit leaves empty ones.
const Output::Segment* Output::front() const noexcept {
    const Segment* at = head_;
    while (at && at->in_memory() && at->length == 0) at = at->next;
    return at;
}

const Output::FileRange* Output::front_file() const noexcept {
    const Segment* first = front();
    return first && first->kind == Kind::file ? &static_cast<const Reference*>(first)->range : nullptr;
}

const Descriptor* Output::front_descriptor() const noexcept {
    const Segment* first = front();
    return first && first->kind == Kind::descriptor ? &static_cast<const Reference*>(first)->descriptor : nullptr;
}

Descriptor Output::take_descriptor() noexcept {
    while (head_->in_memory()) pop();
    Descriptor taken = std::move(static_cast<Reference*>(head_)->descriptor);
    --descriptors_;
    pop();
    return taken;
}

void Output::consume(uint64_t count) noexcept {
    assert(count <= size_);
    size_ -= count;
    while (head_ && head_->kind != Kind::descriptor) {
        Segment& first = *head_;
        if (first.kind == Kind::file) {
            FileRange& range = static_cast<Reference&>(first).range;
            if (count < range.length) {
                range.offset += count;
                range.length -= count;
                return;
            }
            count -= range.length;
        } else {
            if (count < first.length) {
                first.data += count;
                first.length -= count;
                return;
            }
            count -= first.length;
        }
        pop();
    }
}

std::string Output::to_string() const {
    std::string text;
    for (Segment* at = head_; at; at = at->next) {
        if (at->in_memory()) text.append(at->data, at->length);
        if (at->kind != Kind::file) continue;
        const FileRange& range = static_cast<const Reference*>(at)->range;
        const std::size_t start = text.size();
        text.resize(start + range.length);
        for (std::size_t done = 0; done < range.length;) {
            const auto count = ::pread(range.file->get(), text.data() + start + done, range.length - done,
                                       static_cast<off_t>(range.offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) throw Error::from_errno(errno, "read a file to send");
            if (count == 0) throw Error(Errc::local_protocol, "a file to send has become shorter");
            done += static_cast<std::size_t>(count);
        }
    }
    return text;
}

}  // namespace bine
