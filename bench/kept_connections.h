// Connections that are kept: each has one exchange under way at a time. Who asks, and when, is what derived classes decide.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "client_socket.h"
#include "load_driver.h"
#include "uring.h"
#include "workload.h"

namespace bench {

// All on one ring.
class KeptConnections : public LoadDriver {
public:
    KeptConnections(const Workload& workload, std::uint16_t port, std::size_t connections)
        : workload_(workload),
          buffer_size_(std::clamp(std::bit_ceil(workload.largest_answer()), kSmallestBuffer, kLargestBuffer)),
          buffer_count_(static_cast<unsigned>(kBufferBytes / buffer_size_)),
          table_(buffer_count_ * sizeof(io_uring_buf), -1, 0),
          memory_(kBufferBytes, -1, 0),
          ring_(1024) {
        ring_.provide_buffers(table_, buffer_count_);
        for (unsigned i = 0; i < buffer_count_; ++i) give_buffer(static_cast<std::uint16_t>(i));
        for (std::size_t i = 0; i < connections; ++i) {
            peers_.push_back({Socket(port)});
            ring_.receive_always(peers_[i].socket.get(), i);
        }
    }

    std::vector<std::uint64_t> turns() const override {
        std::vector<std::uint64_t> turns;
        turns.reserve(peers_.size());
        for (const Peer& peer : peers_) turns.push_back(peer.turn);
        return turns;
    }

protected:
    // The whole answer is there.
    virtual void answered(std::size_t index) = 0;

    void ask(std::size_t index) {
        Peer& peer = peers_[index];
        ++unanswered_;
        ring_.send(peer.socket.get(), workload_.question(index, peer.turn), index | kSendTag);
    }

    std::size_t count() const { return peers_.size(); }
    std::size_t unanswered() const { return unanswered_; }

    // Waits until something has come.
    void turn() {
        ring_.submit_and_wait();
        take_completions();
    }
    // The same, for `most` at most.
    void turn(std::chrono::nanoseconds most) {
        ring_.submit_and_wait(most);
        take_completions();
    }

private:
    struct Peer {
        Socket socket;
        std::uint64_t turn = 0;
        std::size_t received = 0;
    };

    static constexpr std::size_t kSmallestBuffer = 4096;
    static constexpr std::size_t kLargestBuffer = 65536;
    static constexpr std::size_t kBufferBytes = 1 << 20;
    static constexpr std::uint64_t kSendTag = std::uint64_t{1} << 32;

    void take_completions() {
        ring_.for_each_completion([this](const io_uring_cqe& completion) { handle(completion); });
    }

    void handle(const io_uring_cqe& completion) {
        const std::size_t index = completion.user_data & ~kSendTag;
        if (completion.user_data & kSendTag) {
            fail("a send on connection " + std::to_string(index) + " ended with " + std::to_string(completion.res));
        }
        if (completion.res > 0) {
            const auto id = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
            take(index, {memory_.at<char>(id * buffer_size_), static_cast<std::size_t>(completion.res)});
            give_buffer(id);
        } else if (completion.res != -ENOBUFS) {
            const char* reason = completion.res == 0 ? "end of stream" : std::strerror(-completion.res);
            fail("connection " + std::to_string(index) + " was lost: " + reason);
        }
        if (!(completion.flags & IORING_CQE_F_MORE)) ring_.receive_always(peers_[index].socket.get(), index);
    }

    void take(std::size_t index, std::string_view bytes) {
        Peer& peer = peers_[index];
        const std::size_t whole = workload_.answer_size(index, peer.turn);
        if (peer.received + bytes.size() > whole) {
            fail("connection " + std::to_string(index) + " got more bytes than the answer has");
        }
        if (!workload_.matches(index, peer.turn, peer.received, bytes)) {
            fail("connection " + std::to_string(index) + " got wrong bytes in exchange " + std::to_string(peer.turn));
        }
        peer.received += bytes.size();
        if (peer.received < whole) return;
        peer.received = 0;
        ++peer.turn;
        --unanswered_;
        answered(index);
    }

    void give_buffer(std::uint16_t id) {
        ring_.give_buffer(id, memory_.at<char>(id * buffer_size_), static_cast<unsigned>(buffer_size_));
    }

    const Workload& workload_;
    std::size_t buffer_size_;
    unsigned buffer_count_;
    Mapping table_;
    Mapping memory_;
    std::vector<Peer> peers_;
    std::size_t unanswered_ = 0;
    Ring ring_;
};

}  // namespace bench
