// A number of permits, handed out in the order in which they are asked for. Confined to one thread.
//
//     Semaphore connections(16);
//     auto permit = co_await connections.acquire();      // gives it back when it is destroyed
#pragma once

#include <cstddef>
#include <utility>

#include "bine/async/waiter.h"

namespace bine {

class Semaphore {
public:
    // One permit. It must not outlive the semaphore, if it is to be given back.
    class [[nodiscard]] Permit {
    public:
        Permit() = default;
        Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
        Permit& operator=(Permit&& other) noexcept {
            std::swap(semaphore_, other.semaphore_);
            return *this;
        }
        ~Permit() { release(); }

        explicit operator bool() const noexcept { return semaphore_ != nullptr; }
        // Earlier than by destruction. Whoever is next runs before this returns, if called from plain code.
        void release() noexcept {
            if (semaphore_) std::exchange(semaphore_, nullptr)->give_back();
        }

    private:
        friend class Semaphore;
        explicit Permit(Semaphore& semaphore) noexcept : semaphore_(&semaphore) {}

        Semaphore* semaphore_ = nullptr;
    };

    explicit Semaphore(std::size_t permits) noexcept : free_(permits) {}
    // Whoever still waits ends cancelled.
    ~Semaphore() = default;
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;

    // A permit that comes and is not wanted any more goes to the next.
    Deferred<Permit> acquire(Place place = Place::current());
    // Empty when there is none.
    Permit try_acquire() noexcept;
    std::size_t available() const noexcept { return free_; }

private:
    void give_back() noexcept;

    std::size_t free_;
    WaiterList<Permit> waiters_;
};

}  // namespace bine
