// The open loop: requests come at a rate of their own, at random moments, whether the server keeps up or not. Each is timed from
// the moment it was to be sent: one that had to wait for its connection has waited (no coordinated omission).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "kept_connections.h"
#include "random.h"

namespace bench {

class PacedLoad final : public KeptConnections {
public:
    // `rate` is a second's requests on all connections together.
    PacedLoad(const Workload& workload, std::uint16_t port, std::size_t connections, double rate, std::uint64_t seed)
        : KeptConnections(workload, port, connections),
          mean_gap_(static_cast<double>(connections) / rate),
          random_(seed),
          schedules_(connections) {}

    void start() override {
        end_ = Clock::time_point::max();
        const auto now = Clock::now();
        for (Schedule& one : schedules_) one.due = now + draw_gap();
    }

    void run_for(double seconds) override { run_until(Clock::now() + to_duration(seconds)); }

    void begin_window() override {
        begin_ = Clock::now();
        latencies_.clear();
        delays_.clear();
    }
    // What was to be sent in the window and is not answered is waited for, and counts.
    void end_window() override { end_ = Clock::now(); }

    void stop() override {
        const auto limit = Clock::now() + std::chrono::seconds(60);
        while (unanswered() > 0 || earliest() < end_) {
            if (Clock::now() > limit) fail("the server does not keep up with the rate");
            step(limit);
        }
    }

    std::string more() const override {
        auto latencies = latencies_;
        auto delays = delays_;
        std::sort(latencies.begin(), latencies.end());
        std::sort(delays.begin(), delays.end());
        char text[256];
        std::snprintf(text, sizeof text,
                      ", \"timed\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"late_p99_us\": %.1f",
                      latencies.size(), at(latencies, 0.5), at(latencies, 0.99), at(latencies, 0.999),
                      at(delays, 0.99));
        return text;
    }

private:
    struct Schedule {
        Clock::time_point due;       // of the next request
        Clock::time_point intended;  // of the one under way
        Clock::time_point free;      // when the connection had its last answer
        bool busy = false;
    };

    Clock::duration draw_gap() {
        const double share = static_cast<double>(random_.next() >> 11) * 0x1p-53;
        return to_duration(-std::log1p(-share) * mean_gap_);
    }

    void ask_next(std::size_t index, Clock::time_point now) {
        Schedule& one = schedules_[index];
        if (one.due >= begin_ && one.due < end_) delays_.push_back(to_microseconds(now - std::max(one.due, one.free)));
        one.intended = one.due;
        one.due += draw_gap();
        one.busy = true;
        ask(index);
    }

    void answered(std::size_t index) override {
        Schedule& one = schedules_[index];
        const auto now = Clock::now();
        if (one.intended >= begin_ && one.intended < end_) latencies_.push_back(to_microseconds(now - one.intended));
        one.busy = false;
        one.free = now;
    }

    // When the next request is due of those whose connection is free.
    Clock::time_point earliest() const {
        auto earliest = Clock::time_point::max();
        for (const Schedule& one : schedules_) {
            if (!one.busy) earliest = std::min(earliest, one.due);
        }
        return earliest;
    }

    void step(Clock::time_point limit) {
        const auto now = Clock::now();
        for (std::size_t i = 0; i < schedules_.size(); ++i) {
            if (!schedules_[i].busy && schedules_[i].due <= now && schedules_[i].due < end_) ask_next(i, now);
        }
        turn(std::min(std::max(earliest(), now), limit) - now);
    }

    void run_until(Clock::time_point end) {
        do step(end);
        while (Clock::now() < end);
    }

    static double to_microseconds(Clock::duration time) {
        return std::chrono::duration<double, std::micro>(time).count();
    }

    static double at(const std::vector<double>& sorted, double share) {
        return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
    }

    double mean_gap_;
    Random random_;
    std::vector<Schedule> schedules_;
    Clock::time_point begin_ = Clock::time_point::max();
    Clock::time_point end_ = Clock::time_point::max();
    std::vector<double> latencies_;
    std::vector<double> delays_;
};

}  // namespace bench
