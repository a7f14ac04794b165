// All of several Deferreds.
//
//     auto both = gather(load(a), load(b));           // Deferred<std::tuple<A, B>>; void counts as std::monostate
//     auto all = gather(std::move(loads));            // a std::vector<Deferred<T>> gives a std::vector<T>, or nothing for void
//
// The first error cancels the others and is the result; so does the first that ends cancelled. Dropping the result cancels
// them all.
#pragma once

#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bine/async/fan.h"

namespace bine {

template <class R>
class GatherStage : public ResultStage<R>, public Fan {
public:
    GatherStage(std::size_t bytes, std::size_t size, const Place& made)
        : ResultStage<R>(Stage::kConsumer | Stage::kBody, 0, bytes, made), Fan(size) {}

    void add(std::size_t index, Stage& child) { add_arm(*this, index, child); }

private:
    // Takes the values out of the arms.
    virtual void complete() = 0;

    void resume() noexcept final {}
    void unwind() noexcept final { drop_arms(); }

    void arm_ended(FanArm& arm) noexcept final {
        switch (arm.result().outcome()) {
            case Outcome::value:
                if (++done_ == size()) succeed();
                break;
            case Outcome::cancelled:
                drop_arms();
                this->abandon();
                break;
            default: {
                Error error = arm.result().take_error();
                drop_arms();
                this->settle_error(std::move(error));
            }
        }
    }

    void succeed() noexcept {
        try {
            complete();
        } catch (...) {
            return this->settle_error(Error::from_current_exception());
        }
        drop_arms();
        this->settle();
    }

    std::size_t done_ = 0;
};

template <class T>
using Gathered = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class... Ts>
class GatherTupleStage final : public GatherStage<std::tuple<Gathered<Ts>...>> {
public:
    GatherTupleStage(std::size_t bytes, const Place& made)
        : GatherStage<std::tuple<Gathered<Ts>...>>(bytes, sizeof...(Ts), made) {}

private:
    void complete() override { complete_from(std::index_sequence_for<Ts...>()); }
    template <std::size_t... I>
    void complete_from(std::index_sequence<I...>) {
        this->construct(value_of<Ts>(I)...);
    }
    template <class T>
    Gathered<T> value_of(std::size_t index) {
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            return this->arm(index).template take_value<T>();
        }
    }
};

template <class T>
class GatherVectorStage final
    : public GatherStage<std::conditional_t<std::is_void_v<T>, void, std::vector<Gathered<T>>>> {
public:
    GatherVectorStage(std::size_t bytes, std::size_t size, const Place& made)
        : GatherStage<std::conditional_t<std::is_void_v<T>, void, std::vector<Gathered<T>>>>(bytes, size, made) {}

    void complete() override {
        if constexpr (std::is_void_v<T>) {
            this->construct();
        } else {
            std::vector<T> values;
            values.reserve(this->size());
            for (std::size_t i = 0; i < this->size(); ++i) values.push_back(this->arm(i).template take_value<T>());
            this->construct(std::move(values));
        }
    }
};

template <class First, class... Ts>
Deferred<std::tuple<Gathered<First>, Gathered<Ts>...>> gather(Deferred<First> first, Deferred<Ts>... more) {
    auto* stage = make_stage<GatherTupleStage<First, Ts...>>(first.stage()->made());
    Deferred<std::tuple<Gathered<First>, Gathered<Ts>...>> all(stage);
    const ChainBatch batch;
    std::size_t index = 0;
    stage->add(index++, *first.release());
    (stage->add(index++, *more.release()), ...);
    return all;
}

template <class T>
auto gather(std::vector<Deferred<T>> deferreds, Place place = Place::current()) {
    using Result = std::conditional_t<std::is_void_v<T>, void, std::vector<Gathered<T>>>;
    auto* stage = make_stage<GatherVectorStage<T>>(deferreds.size(), place);
    Deferred<Result> all(stage);
    const ChainBatch batch;
    for (std::size_t i = 0; i < deferreds.size(); ++i) stage->add(i, *deferreds[i].release());
    if (deferreds.empty()) {
        stage->complete();
        stage->settle();
    }
    return all;
}

}  // namespace bine
