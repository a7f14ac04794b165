// A bounded queue between those who put and those who get. Confined to one thread.
//
//     Queue<Job> jobs(64);
//     co_await jobs.put(std::move(job));      // waits while the queue is full
//     auto job = co_await jobs.get();         // waits while it is empty
//
// An item that was handed to somebody who is cancelled or dropped before taking it goes back to the front.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "bine/async/waiter.h"
#include "bine/base/intrusive_list.h"
#include "bine/base/pool.h"

namespace bine {

template <class T>
class Queue {
public:
    explicit Queue(std::size_t capacity) noexcept : capacity_(capacity) {}
    // Whoever still waits ends cancelled; items that were handed out and not taken are lost.
    ~Queue() {
        while (Item* item = items_.pop_front()) delete item;
        const ChainBatch batch;
        while (Getter* getter = getters_.pop_front()) getter->abandon();
        while (Putter* putter = putters_.pop_front()) putter->abandon();
    }
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    // Done when there is room for `item`; dropped before that, the item is dropped too. *Errors*: Errc::closed.
    Deferred<> put(T item, Place place = Place::current()) {
        if (closed_) return failed(closed_error(place), place);
        if (offer(item)) return ready(place);
        auto* putter = make_stage<Putter>(std::move(item), place);
        putters_.push_back(*putter);
        return Deferred<>(putter);
    }
    // False, and `item` as it was, when the queue is full or closed.
    bool try_put(T&& item) { return !closed_ && offer(item); }

    // *Errors*: Errc::closed, when it is and nothing is left.
    Deferred<T> get(Place place = Place::current()) {
        if (closed_ && empty()) return failed(closed_error(place), place);
        auto* getter = make_stage<Getter>(*this, place);
        Deferred<T> deferred(getter);
        getters_.push_back(*getter);
        if (std::optional<T> item = try_get()) hand_over(*item);
        return deferred;
    }
    std::optional<T> try_get() {
        std::optional<T> item;
        if (Item* first = items_.pop_front()) {
            item.emplace(std::move(first->value));
            delete first;
            --size_;
            refill();
        } else if (Putter* putter = putters_.pop_front()) {
            item.emplace(std::move(putter->item));
            putter->accepted();
        }
        return item;
    }

    // Refuses new items, those that wait for room too; what is in the queue can still be got.
    void close() noexcept {
        closed_ = true;
        const ChainBatch batch;
        while (Putter* putter = putters_.pop_front()) putter->settle_error(closed_error(putter->made()));
        while (Getter* getter = getters_.pop_front()) getter->settle_error(closed_error(getter->made()));
    }
    bool closed() const noexcept { return closed_; }

    // Without those that wait for room.
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    std::size_t capacity() const noexcept { return capacity_; }

private:
    struct Item final : ListHook<Item>, Pooled<Item> {
        explicit Item(T&& from) : value(std::move(from)) {}
        T value;
    };

    // In getters_ while it waits, in handed_ while it has an item that nobody has taken.
    class Getter final : public ResultStage<T>, public ListHook<Getter> {
    public:
        Getter(std::size_t bytes, Queue& queue, const Place& made) noexcept
            : ResultStage<T>(Stage::kConsumer | Stage::kBody, 0, bytes, made), queue_(queue) {}
        ~Getter() override {
            if (this->outcome() == Outcome::value) give_back();
        }

    private:
        void resume() noexcept override {}
        void unwind() noexcept override { this->unlink(); }
        void destroy_value() noexcept override {
            give_back();
            ResultStage<T>::destroy_value();
        }
        void give_back() noexcept {
            if (!this->linked() || this->value_taken()) return;
            this->unlink();
            queue_.put_back(std::move(this->value()));
        }

        Queue& queue_;
    };

    class Putter final : public ResultStage<void>, public ListHook<Putter> {
    public:
        Putter(std::size_t bytes, T&& from, const Place& made)
            : ResultStage<void>(kConsumer | kBody, 0, bytes, made), item(std::move(from)) {}
        void accepted() {
            construct();
            settle();
        }

        T item;

    private:
        void resume() noexcept override {}
        void unwind() noexcept override { this->unlink(); }
    };

    static Error closed_error(const Place& place) { return {Errc::closed, "the queue is closed", place}; }

    // True when `item` has been taken.
    bool offer(T& item) {
        if (!getters_.empty()) {
            hand_over(item);
            return true;
        }
        if (size_ >= capacity_) return false;
        items_.push_back(*new Item(std::move(item)));
        ++size_;
        return true;
    }

    void hand_over(T& item) {
        Getter* getter = getters_.pop_front();
        handed_.push_back(*getter);
        getter->construct(std::move(item));
        getter->settle();
    }

    void put_back(T&& item) {
        if (!getters_.empty()) return hand_over(item);
        items_.push_front(*new Item(std::move(item)));
        ++size_;
    }

    void refill() {
        if (size_ >= capacity_) return;
        Putter* putter = putters_.pop_front();
        if (!putter) return;
        items_.push_back(*new Item(std::move(putter->item)));
        ++size_;
        putter->accepted();
    }

    IntrusiveList<Item, Item> items_;
    IntrusiveList<Getter, Getter> getters_;
    IntrusiveList<Getter, Getter> handed_;
    IntrusiveList<Putter, Putter> putters_;
    std::size_t size_ = 0;
    std::size_t capacity_;
    bool closed_ = false;
};

}  // namespace bine
