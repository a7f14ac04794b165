// One stage that waits for several Deferreds at once: what gather() and race() are made of. Not for users.
#pragma once

#include <cstddef>
#include <utility>

#include "bine/async/deferred.h"

namespace bine {

class Fan;

// One of the Deferreds. Keeps its result until the fan takes it.
class FanArm final : public Branch {
public:
    FanArm(std::size_t bytes, Stage& owner, Fan& fan, std::size_t index) noexcept;
    ~FanArm() override;

    std::size_t index() const noexcept { return index_; }
    Stage& result() const noexcept { return *result_; }
    template <class T>
    T take_value() {
        return static_cast<ResultStage<T>*>(result_)->take_or_throw();
    }

private:
    void resume() noexcept override;
    void unwind() noexcept override {}

    Fan& fan_;
    std::size_t index_;
    Stage* result_ = nullptr;
};

class Fan {
public:
    Fan(const Fan&) = delete;
    Fan& operator=(const Fan&) = delete;

protected:
    explicit Fan(std::size_t size);
    ~Fan();

    // Called for each index once, under a ChainBatch; `child` is a consumer's hold.
    void add_arm(Stage& owner, std::size_t index, Stage& child);
    std::size_t size() const noexcept { return size_; }
    FanArm& arm(std::size_t index) noexcept { return *arms_[index]; }
    // Cancels what is pending.
    void drop_arms() noexcept;

private:
    friend class FanArm;
    // `arm` has its result, of whatever kind.
    virtual void arm_ended(FanArm& arm) noexcept = 0;

    std::size_t size_;
    FanArm** arms_;
};

}  // namespace bine
