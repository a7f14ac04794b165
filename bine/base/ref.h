// A counted pointer to an object that counts itself: what is shared read-only, also between threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace bine {

// Base of the counted. The last Ref deletes it through its own type.
class Counted {
public:
    Counted() = default;
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

protected:
    ~Counted() = default;

private:
    template <class T>
    friend class Ref;
    mutable std::atomic<uint32_t> count_{0};
};

// A share of a T. Copying counts; copies in different threads are safe, one Ref used by two threads is not.
template <class T>
class Ref {
public:
    Ref() = default;
    explicit Ref(T* object) noexcept : object_(object) { retain(); }
    Ref(const Ref& other) noexcept : object_(other.object_) { retain(); }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() { release(); }

    T* get() const noexcept { return object_; }
    T* operator->() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    std::atomic<uint32_t>& counter() const noexcept { return static_cast<const Counted*>(object_)->count_; }
    void retain() const noexcept {
        if (object_) counter().fetch_add(1, std::memory_order_relaxed);
    }
    void release() noexcept {
        if (object_ && counter().fetch_sub(1, std::memory_order_acq_rel) == 1) delete object_;
    }

    T* object_ = nullptr;
};

}  // namespace bine
