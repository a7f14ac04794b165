#include "bine/async/timer.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace bine {

namespace {

constexpr int kWorthLooking = 16;

uint64_t bits(TimePoint time) noexcept { return static_cast<uint64_t>(time.time_since_epoch().count()); }

}  // namespace

TimerQueue::~TimerQueue() { abandon_all(); }

void TimerQueue::abandon_all() noexcept {
    while (!empty()) {
        for (List& bucket : buckets_) overdue_.splice_back(bucket);
        due_.splice_back(overdue_);
        while (Timer* timer = due_.pop_front()) timer->abandoned();
    }
}

void TimerQueue::arm(Timer& timer, TimePoint deadline) noexcept {
    timer.unlink();
    timer.deadline_ = deadline;
    timer.sequence_ = ++sequence_;
    insert(timer);
}

void TimerQueue::cancel(Timer& timer) noexcept { timer.unlink(); }

void TimerQueue::insert(Timer& timer) noexcept {
    if (timer.deadline_ <= last_) {
        overdue_.push_back(timer);
        return;
    }
    const auto bucket = static_cast<std::size_t>(std::bit_width(bits(timer.deadline_) ^ bits(last_)) - 1);
    buckets_[bucket].push_back(timer);
    filled_ |= uint64_t{1} << bucket;
}

bool TimerQueue::empty() const noexcept {
    return due_.empty() && overdue_.empty() &&
           std::all_of(buckets_.begin(), buckets_.end(), [](const List& bucket) { return bucket.empty(); });
}

// The earliest deadline is in the lowest bucket: looked for when that is short, else the least that it can hold.
TimePoint TimerQueue::next_deadline() noexcept {
    if (!due_.empty() || !overdue_.empty()) return last_;
    for (uint64_t left = filled_; left != 0; left &= left - 1) {
        const auto bucket = static_cast<std::size_t>(std::countr_zero(left));
        if (buckets_[bucket].empty()) {
            filled_ &= ~(uint64_t{1} << bucket);
            continue;
        }
        TimePoint earliest = TimePoint::max();
        int looked = 0;
        Timer* timer = buckets_[bucket].front();
        for (; timer && looked < kWorthLooking; ++looked, timer = buckets_[bucket].after(*timer)) {
            earliest = std::min(earliest, timer->deadline_);
        }
        if (!timer) return earliest;
        const uint64_t least = (bits(last_) >> bucket | 1) << bucket;
        return TimePoint(Duration(static_cast<Duration::rep>(least)));
    }
    return TimePoint::max();
}

std::size_t TimerQueue::expire(TimePoint now, std::size_t limit) {
    gather_due(now);
    std::size_t fired = 0;
    while (fired < limit) {
        Timer* timer = due_.pop_front();
        if (!timer) break;
        ++fired;
        timer->expired();
    }
    return fired;
}

// Moves what has come into due_, in order; without memory to sort it, it waits there for the next call. When `now` differs from last_ in bit b first, all lower buckets have come, the
// higher ones stay as they are, and bucket b is dealt out again.
void TimerQueue::gather_due(TimePoint now) {
    due_.splice_back(overdue_);
    if (now > last_) {
        const auto first = static_cast<std::size_t>(std::bit_width(bits(now) ^ bits(last_)) - 1);
        last_ = now;
        for (std::size_t bucket = 0; bucket < first; ++bucket) due_.splice_back(buckets_[bucket]);
        filled_ &= ~((uint64_t{1} << first) - 1);
        List mixed;
        mixed.splice_back(buckets_[first]);
        while (Timer* timer = mixed.pop_front()) {
            if (timer->deadline_ <= now) {
                due_.push_back(*timer);
            } else {
                insert(*timer);
            }
        }
    }
    thread_local std::vector<Timer*> order;
    order.clear();
    for (Timer* timer = due_.front(); timer; timer = due_.after(*timer)) order.push_back(timer);
    std::sort(order.begin(), order.end(), [](const Timer* a, const Timer* b) {
        return a->deadline_ != b->deadline_ ? a->deadline_ < b->deadline_ : a->sequence_ < b->sequence_;
    });
    for (Timer* timer : order) {
        timer->unlink();
        due_.push_back(*timer);
    }
}

}  // namespace bine
