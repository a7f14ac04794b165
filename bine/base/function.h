// A move-only callable of a given signature: std::move_only_function without the weight of <functional>.
// Callables of up to kInline bytes live inside; larger ones in one allocation.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace bine {

template <class Signature>
class Function;

// Calling an empty Function is undefined; test it with operator bool. Not thread-safe.
template <class R, class... Args>
class Function<R(Args...)> {
public:
    static constexpr std::size_t kInline = 48;

    Function() = default;
    Function(std::nullptr_t) {}

    template <class F, class Stored = std::decay_t<F>>
        requires(!std::is_same_v<Stored, Function> && std::is_invocable_r_v<R, Stored&, Args...>)
    Function(F&& callable) {
        if constexpr (fits<Stored>) {
            new (storage_) Stored(std::forward<F>(callable));
        } else {
            Stored* heap = new Stored(std::forward<F>(callable));
            std::memcpy(storage_, &heap, sizeof heap);
        }
        operations_ = &kOperations<Stored>;
    }

    Function(Function&& other) noexcept { take(other); }
    Function& operator=(Function&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~Function() { reset(); }

    R operator()(Args... args) { return operations_->call(storage_, std::forward<Args>(args)...); }
    explicit operator bool() const noexcept { return operations_ != nullptr; }

private:
    struct Operations {
        R (*call)(void* storage, Args&&... args);
        void (*relocate)(void* from, void* to) noexcept;
        void (*destroy)(void* storage) noexcept;
    };

    template <class F>
    static constexpr bool fits =
        sizeof(F) <= kInline && alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;

    template <class F>
    static F& target(void* storage) noexcept {
        if constexpr (fits<F>) {
            return *std::launder(static_cast<F*>(storage));
        } else {
            F* heap;
            std::memcpy(&heap, storage, sizeof heap);
            return *heap;
        }
    }

    template <class F>
    static constexpr Operations kOperations{
        [](void* storage, Args&&... args) -> R {
            if constexpr (std::is_void_v<R>) {
                target<F>(storage)(std::forward<Args>(args)...);
            } else {
                return target<F>(storage)(std::forward<Args>(args)...);
            }
        },
        [](void* from, void* to) noexcept {
            if constexpr (fits<F>) {
                F& moved = target<F>(from);
                new (to) F(std::move(moved));
                moved.~F();  // NOLINT(bugprone-use-after-move): destroyed, as every moved-from object is
            } else {
                std::memcpy(to, from, sizeof(F*));
            }
        },
        [](void* storage) noexcept {
            if constexpr (fits<F>) {
                target<F>(storage).~F();
            } else {
                delete &target<F>(storage);
            }
        },
    };

    void take(Function& other) noexcept {
        if (!other.operations_) return;
        other.operations_->relocate(other.storage_, storage_);
        operations_ = std::exchange(other.operations_, nullptr);
    }

    void reset() noexcept {
        if (const Operations* operations = std::exchange(operations_, nullptr)) operations->destroy(storage_);
    }

    const Operations* operations_ = nullptr;
    alignas(std::max_align_t) std::byte storage_[kInline];
};

}  // namespace bine
