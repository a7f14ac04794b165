// A file descriptor with one owner.
#pragma once

#include <utility>

#include "bine/base/ref.h"

namespace bine {

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    ~Descriptor() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    // The caller owns it from now on.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    // Closes what is held.
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

// An open file that several outputs send from; closed with the last of them.
class SharedFile final : public Counted {
public:
    explicit SharedFile(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}
    int get() const noexcept { return descriptor_.get(); }

private:
    Descriptor descriptor_;
};

}  // namespace bine
