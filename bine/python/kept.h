// References to Python objects in the hands of C++ that may run without the GIL.
//
// An Object needs the GIL to be destroyed. A Kept may be moved and destroyed wherever the loop's thread is: what is given up
// while that thread turns natively is released in the loop's lane. It is for frames and callbacks of Deferreds, and for what
// errors carry. Confined to the loop's thread.
#pragma once

#include <utility>

#include "bine/python/object.h"

namespace bine::python {

class Kept {
public:
    Kept() = default;
    explicit Kept(Object object) noexcept : object_(object.release()) {}
    Kept(Kept&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Kept& operator=(Kept other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Kept() {
        if (object_) give_up(object_);
    }

    PyObject* get() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    // With the GIL: one more reference; and this one.
    Object share() const noexcept { return Object::borrowed(object_); }
    Object take() noexcept { return Object::owned(std::exchange(object_, nullptr)); }

private:
    static void give_up(PyObject* object) noexcept;

    PyObject* object_ = nullptr;
};

}  // namespace bine::python
