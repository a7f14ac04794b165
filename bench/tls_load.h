// The closed loop over TLS: connections that are kept, or a new one for each exchange, with a full handshake or with one that
// takes up the session before. Those go on until the server has ended TLS and the stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client_socket.h"
#include "load_driver.h"
#include "tls_session.h"
#include "uring.h"
#include "workload.h"

namespace bench {

class TlsLoad final : public LoadDriver {
public:
    // `connections` at a time; `keep`: for more than one exchange.
    TlsLoad(const Workload& workload, std::uint16_t port, std::size_t connections, const TlsOptions& tls, bool keep)
        : workload_(workload),
          address_(loopback(port)),
          visitors_(connections),
          context_(tls),
          resume_(tls.resume),
          keep_(keep),
          ring_(1024) {
        const std::size_t size = std::min(workload.largest_answer() + kBesides, kLargestBuffer);
        for (Visitor& one : visitors_) one.buffer.resize(size);
        plain_.resize(size);
        // A session for each; a connection that takes one up is given another.
        while (resume_ && context_.sessions() < connections) take_session(port);
    }

    void start() override {
        asking_ = true;
        for (std::size_t i = 0; i < visitors_.size(); ++i) {
            ++under_way_;
            if (visitors_[i].open) {
                ask(i);
            } else {
                ring_.open_socket(tag(kOpen, i));
            }
        }
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
        bool open = false;  // the handshake is done
        std::optional<TlsSession> session;
        std::string sending;
        std::string buffer;
    };

    // Certificates and the ends of records beside an answer.
    static constexpr std::size_t kBesides = 8192;
    static constexpr std::size_t kLargestBuffer = 262144;

    static std::uint64_t tag(Step step, std::size_t index) { return step << 32 | index; }
    static std::string name(std::size_t index) { return "visitor " + std::to_string(index); }

    void take_session(std::uint16_t port) {
        TlsSocket first(port, context_);
        first.send_all(workload_.question(0, 0));
        first.receive(plain_);  // behind the tickets
        if (context_.sessions() == 0) fail("the server gives no sessions");
    }

    void turn() {
        ring_.submit_and_wait();
        ring_.for_each_completion([this](const io_uring_cqe& completion) { handle(completion); });
    }

    void handle(const io_uring_cqe& completion) {
        const auto step = static_cast<Step>(completion.user_data >> 32);
        const std::size_t index = completion.user_data & 0xffffffff;
        if (completion.res < 0 || step == kSend || step == kClose) {
            fail(name(index) + " failed at step " + std::to_string(step) + ": " +
                 std::strerror(-std::min(completion.res, 0)));
        }
        Visitor& one = visitors_[index];
        if (step == kOpen) {
            one.fd = completion.res;
            ring_.connect(one.fd, address_, tag(kConnect, index));
        } else if (step == kConnect) {
            one.session.emplace(context_, resume_);
            shake_hands(index);
            receive(index);
        } else if (completion.res == 0) {
            end(index);
        } else {
            one.session->feed(std::string_view(one.buffer).substr(0, static_cast<std::size_t>(completion.res)));
            if (one.open || shake_hands(index)) take(index);
            receive(index);
        }
    }

    // Whether they are shaken; then the first question goes with the last of it.
    bool shake_hands(std::size_t index) {
        Visitor& one = visitors_[index];
        one.open = one.session->handshake();
        if (one.open) {
            ask(index);
        } else {
            flush(index);
        }
        return one.open;
    }

    void ask(std::size_t index) {
        Visitor& one = visitors_[index];
        one.session->write(workload_.question(index, one.turn));
        flush(index);
    }

    // What was sent before has been answered, or it could not have come to this; so its memory is free.
    void flush(std::size_t index) {
        Visitor& one = visitors_[index];
        if (one.session->output().empty()) return;
        std::swap(one.sending, one.session->output());
        one.session->output().clear();
        ring_.send(one.fd, one.sending, tag(kSend, index));
    }

    void receive(std::size_t index) {
        ring_.receive(visitors_[index].fd, visitors_[index].buffer, tag(kReceive, index));
    }

    void take(std::size_t index) {
        Visitor& one = visitors_[index];
        for (;;) {
            const std::string_view plain = one.session->read(plain_);
            if (plain.empty()) return;
            const std::size_t whole = workload_.answer_size(index, one.turn);
            if (one.received + plain.size() > whole) fail(name(index) + " got more bytes than the answer has");
            if (!workload_.matches(index, one.turn, one.received, plain)) fail(name(index) + " got wrong bytes");
            one.received += plain.size();
            if (keep_ && one.received == whole) answered(index);
        }
    }

    void answered(std::size_t index) {
        Visitor& one = visitors_[index];
        one.received = 0;
        ++one.turn;
        if (asking_) return ask(index);
        --under_way_;
    }

    void end(std::size_t index) {
        Visitor& one = visitors_[index];
        if (keep_) fail("a connection was lost");
        if (one.received < workload_.answer_size(index, one.turn)) fail(name(index) + " got a part of its answer");
        if (!one.session->ended()) fail(name(index) + " got no close_notify");
        ring_.close(one.fd, tag(kClose, index));
        one.session.reset();
        one.open = false;
        one.received = 0;
        ++one.turn;
        --under_way_;
        if (!asking_) return;
        ++under_way_;
        ring_.open_socket(tag(kOpen, index));
    }

    const Workload& workload_;
    sockaddr_in address_;
    std::vector<Visitor> visitors_;
    TlsContext context_;
    bool resume_;
    bool keep_;
    bool asking_ = false;
    std::size_t under_way_ = 0;
    std::string plain_;
    Ring ring_;
};

}  // namespace bench
