#include "bine/async/fan.h"

#include "bine/base/pool.h"

namespace bine {

FanArm::FanArm(std::size_t bytes, Stage& owner, Fan& fan, std::size_t index) noexcept
    : Branch(kConsumer | kBody, kValue | kError | kCancelled, bytes, owner.made(), &owner), fan_(fan), index_(index) {}

FanArm::~FanArm() {
    if (result_) result_->release(kConsumer);
}

void FanArm::resume() noexcept {
    result_ = &take_child();
    set_value();
    fan_.arm_ended(*this);
}

Fan::Fan(std::size_t size) : size_(size), arms_(static_cast<FanArm**>(pool_allocate(size * sizeof(FanArm*)))) {
    for (std::size_t i = 0; i < size; ++i) arms_[i] = nullptr;
}

Fan::~Fan() {
    drop_arms();
    pool_free(arms_, size_ * sizeof(FanArm*));
}

void Fan::add_arm(Stage& owner, std::size_t index, Stage& child) {
    arms_[index] = make_stage<FanArm>(owner, *this, index);
    arms_[index]->adopt(child);
}

void Fan::drop_arms() noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
        if (FanArm* arm = std::exchange(arms_[i], nullptr)) arm->drop();
    }
}

}  // namespace bine
