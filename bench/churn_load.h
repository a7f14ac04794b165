// A new connection for each exchange: connect, ask, take the answer up to the end of the stream, close.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "client_socket.h"
#include "load_driver.h"
#include "uring.h"
#include "workload.h"

namespace bench {

class ChurnLoad final : public LoadDriver {
public:
    // `connections` at a time.
    ChurnLoad(const Workload& workload, std::uint16_t port, std::size_t connections)
        : workload_(workload), address_(loopback(port)), visitors_(connections), ring_(1024) {
        for (Visitor& one : visitors_) one.buffer.resize(std::min(workload.largest_answer() + 1, kLargestBuffer));
    }

    void start() override {
        asking_ = true;
        for (std::size_t i = 0; i < visitors_.size(); ++i) begin(i);
    }

    void run_for(double seconds) override {
        const auto end = Clock::now() + to_duration(seconds);
        do turn();
        while (Clock::now() < end);
    }

    void stop() override {
        asking_ = false;
        while (under_way_ > 0) turn();
    }

    std::vector<std::uint64_t> turns() const override {
        std::vector<std::uint64_t> turns;
        for (const Visitor& one : visitors_) turns.push_back(one.turn);
        return turns;
    }

private:
    enum Step : std::uint64_t { kOpen = 1, kConnect, kSend, kReceive, kClose };

    struct Visitor {
        int fd = -1;
        std::uint64_t turn = 0;
        std::size_t received = 0;
        std::string buffer;
    };

    static constexpr std::size_t kLargestBuffer = 65536;

    static std::uint64_t tag(Step step, std::size_t index) { return step << 32 | index; }

    void begin(std::size_t index) {
        ++under_way_;
        ring_.open_socket(tag(kOpen, index));
    }

    void turn() {
        ring_.submit_and_wait();
        ring_.for_each_completion([this](const io_uring_cqe& completion) { handle(completion); });
    }

    void handle(const io_uring_cqe& completion) {
        const auto step = static_cast<Step>(completion.user_data >> 32);
        const std::size_t index = completion.user_data & 0xffffffff;
        Visitor& one = visitors_[index];
        if (completion.res < 0 || step == kSend || step == kClose) {
            fail("visitor " + std::to_string(index) + " failed at step " + std::to_string(step) + ": " +
                 std::strerror(-std::min(completion.res, 0)));
        }
        if (step == kOpen) {
            one.fd = completion.res;
            ring_.connect(one.fd, address_, tag(kConnect, index));
        } else if (step == kConnect) {
            ring_.send(one.fd, workload_.question(index, one.turn), tag(kSend, index));
            ring_.receive(one.fd, one.buffer, tag(kReceive, index));
        } else {
            take(index, std::string_view(one.buffer).substr(0, static_cast<std::size_t>(completion.res)));
        }
    }

    void take(std::size_t index, std::string_view bytes) {
        Visitor& one = visitors_[index];
        const std::size_t whole = workload_.answer_size(index, one.turn);
        if (bytes.empty()) return end(index, whole);
        if (one.received + bytes.size() > whole)
            fail("visitor " + std::to_string(index) + " got more bytes than the answer has");
        if (!workload_.matches(index, one.turn, one.received, bytes)) {
            fail("visitor " + std::to_string(index) + " got wrong bytes");
        }
        one.received += bytes.size();
        ring_.receive(one.fd, one.buffer, tag(kReceive, index));
    }

    void end(std::size_t index, std::size_t whole) {
        Visitor& one = visitors_[index];
        if (one.received < whole) fail("visitor " + std::to_string(index) + " got a part of its answer");
        ring_.close(one.fd, tag(kClose, index));
        one.received = 0;
        ++one.turn;
        --under_way_;
        if (asking_) begin(index);
    }

    const Workload& workload_;
    sockaddr_in address_;
    std::vector<Visitor> visitors_;
    std::size_t under_way_ = 0;
    bool asking_ = false;
    Ring ring_;
};

}  // namespace bench
