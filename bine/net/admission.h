// How many connections a listener may have, in all and of one peer.
#pragma once

#include <cstdint>
#include <memory>

#include "bine/base/function.h"
#include "bine/base/ref.h"
#include "bine/driver/address.h"

namespace bine {

// Counts what is admitted. Shared by a listener and its connections, whichever ends last. One thread.
class Admission final : public Counted {
public:
    // 0: any number.
    Admission(std::size_t most, std::size_t most_per_peer);
    ~Admission();

    bool full() const noexcept { return most_ != 0 && count_ >= most_; }
    std::size_t count() const noexcept { return count_; }
    // False, and nothing is counted, when this peer has its share. Peers are told apart by IP address; others have none.
    bool try_enter(const Address& peer);
    void leave(const Address& peer) noexcept;
    // Called by leave(). Empty it before what it refers to is gone.
    void on_leave(Function<void()> callback) noexcept { on_leave_ = std::move(callback); }

private:
    struct Peers;

    const std::size_t most_;
    const std::size_t most_per_peer_;
    std::size_t count_ = 0;
    std::unique_ptr<Peers> peers_;
    Function<void()> on_leave_;
};

}  // namespace bine
