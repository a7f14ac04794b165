// A name server on loopback that says what a test wants it to say, over UDP and TCP at one port.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bine/base/function.h"
#include "bine/net/listener.h"
#include "bine/net/udp.h"
#include "tests/names/message_writer.h"

namespace bine::testing {

// What it was asked.
struct Asked {
    std::size_t id;
    std::string name;
    std::size_t type;
    Address from;
    bool tcp;

    // The beginning of an answer to it.
    MessageWriter answer(std::size_t flags = 0x8180) const {
        MessageWriter message(id, flags);
        message.question(name, type);
        return message;
    }
    std::string a(const std::string& ip, std::size_t ttl = 300) const { return answer().a(name, ttl, ip).message(); }
};

inline std::string framed(const std::string& message) { return number16(message.size()) + message; }

class FakeServer {
public:
    // The datagrams to send, or the bytes over TCP, where messages have their length in front.
    using Answer = Function<std::vector<std::string>(const Asked&)>;

    FakeServer(Reactor& reactor, Answer answer) : answer_(std::move(answer)) {
        while (!listener_ || !listener_->is_open()) {
            udp_.emplace(reactor, Address::loopback(0),
                         [this](std::string_view bytes, const Address& from) { datagram(bytes, from); });
            listener_.emplace(reactor, [this] { return std::make_unique<Stream>(*this); }, ListenerOptions());
            (void)listener_->open(udp_->local_address(), {});
        }
    }

    Address address() const { return udp_->local_address(); }
    const std::vector<Asked>& asked() const { return asked_; }
    std::size_t count(std::string_view name) const {
        std::size_t count = 0;
        for (const Asked& one : asked_) count += one.name == name;
        return count;
    }

private:
    // One question a connection.
    class Stream final : public Protocol {
    public:
        explicit Stream(FakeServer& server) : server_(server) {}
        void connection_made(Transport& transport) override { transport_ = &transport; }
        void data_received(std::string_view bytes) override {
            input_ += bytes;
            if (input_.size() < 14) return;
            const Asked asked = parse(std::string_view(input_).substr(2), transport_->peer_address(), true);
            input_.clear();
            server_.asked_.push_back(asked);
            for (const std::string& answer : server_.answer_(asked)) transport_->write(answer);
        }

    private:
        FakeServer& server_;
        Transport* transport_ = nullptr;
        std::string input_;
    };

    static Asked parse(std::string_view bytes, const Address& from, bool tcp) {
        const auto number = [&](std::size_t at) {
            return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 |
                   static_cast<unsigned char>(bytes[at + 1]);
        };
        std::string name;
        std::size_t at = 12;
        for (; bytes[at] != '\0'; at += static_cast<std::size_t>(bytes[at]) + 1) {
            name += (name.empty() ? "" : ".") + std::string(bytes.substr(at + 1, static_cast<std::size_t>(bytes[at])));
        }
        return {number(0), name, number(at + 1), from, tcp};
    }

    void datagram(std::string_view bytes, const Address& from) {
        const Asked asked = parse(bytes, from, false);
        asked_.push_back(asked);
        for (const std::string& answer : answer_(asked)) (void)udp_->send_to(answer, from);
    }

    Answer answer_;
    std::vector<Asked> asked_;
    std::optional<UdpSocket> udp_;
    std::optional<Listener> listener_;
};

}  // namespace bine::testing
