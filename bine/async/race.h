// The first of several Deferreds.
//
//     auto first = co_await race(stream.read_line(), shutdown.wait());    // a std::variant; first.index() says who won
//     auto winner = co_await race(std::move(attempts));                   // of a std::vector<Deferred<T>>: {index, value}
//
// The first value or error is the result, and cancels the others. One that ends cancelled is out of the race; when all are, the
// result is cancelled. Dropping the result cancels them all.
#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "bine/async/fan.h"

namespace bine {

template <class R>
class RaceStage : public ResultStage<R>, public Fan {
public:
    RaceStage(std::size_t bytes, std::size_t size, const Place& made)
        : ResultStage<R>(Stage::kConsumer | Stage::kBody, 0, bytes, made), Fan(size) {}

    void add(std::size_t index, Stage& child) { add_arm(*this, index, child); }

private:
    // Takes the value out of the arm.
    virtual void win(FanArm& arm) = 0;

    void resume() noexcept final {}
    void unwind() noexcept final { drop_arms(); }

    void arm_ended(FanArm& arm) noexcept final {
        switch (arm.result().outcome()) {
            case Outcome::value: succeed(arm); break;
            case Outcome::cancelled:
                if (++out_ < size()) return;
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

    void succeed(FanArm& arm) noexcept {
        try {
            win(arm);
        } catch (...) {
            Error error = Error::from_current_exception();
            drop_arms();
            return this->settle_error(std::move(error));
        }
        drop_arms();
        this->settle();
    }

    std::size_t out_ = 0;
};

template <class T>
using Raced = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class... Ts>
class RaceVariantStage final : public RaceStage<std::variant<Raced<Ts>...>> {
    using Winner = std::variant<Raced<Ts>...>;

public:
    RaceVariantStage(std::size_t bytes, const Place& made) : RaceStage<Winner>(bytes, sizeof...(Ts), made) {}

private:
    void win(FanArm& arm) override { win_from(arm, std::index_sequence_for<Ts...>()); }
    template <std::size_t... I>
    void win_from(FanArm& arm, std::index_sequence<I...>) {
        (void)((arm.index() == I && (win_as<I, Ts>(arm), true)) || ...);
    }
    template <std::size_t I, class T>
    void win_as(FanArm& arm) {
        if constexpr (std::is_void_v<T>) {
            this->construct(std::in_place_index<I>);
        } else {
            this->construct(std::in_place_index<I>, arm.take_value<T>());
        }
    }
};

template <class T>
struct RaceWinner {
    std::size_t index;
    T value;
};
template <>
struct RaceWinner<void> {
    std::size_t index;
};

template <class T>
class RaceVectorStage final : public RaceStage<RaceWinner<T>> {
public:
    RaceVectorStage(std::size_t bytes, std::size_t size, const Place& made)
        : RaceStage<RaceWinner<T>>(bytes, size, made) {}

private:
    void win(FanArm& arm) override {
        if constexpr (std::is_void_v<T>) {
            this->construct(RaceWinner<T>{arm.index()});
        } else {
            this->construct(RaceWinner<T>{arm.index(), arm.template take_value<T>()});
        }
    }
};

template <class First, class... Ts>
Deferred<std::variant<Raced<First>, Raced<Ts>...>> race(Deferred<First> first, Deferred<Ts>... more) {
    auto* stage = make_stage<RaceVariantStage<First, Ts...>>(first.stage()->made());
    Deferred<std::variant<Raced<First>, Raced<Ts>...>> winner(stage);
    const ChainBatch batch;
    std::size_t index = 0;
    stage->add(index++, *first.release());
    (stage->add(index++, *more.release()), ...);
    return winner;
}

// Of none: ends cancelled.
template <class T>
Deferred<RaceWinner<T>> race(std::vector<Deferred<T>> deferreds, Place place = Place::current()) {
    auto* stage = make_stage<RaceVectorStage<T>>(deferreds.size(), place);
    Deferred<RaceWinner<T>> winner(stage);
    const ChainBatch batch;
    for (std::size_t i = 0; i < deferreds.size(); ++i) stage->add(i, *deferreds[i].release());
    if (deferreds.empty()) stage->abandon();
    return winner;
}

}  // namespace bine
