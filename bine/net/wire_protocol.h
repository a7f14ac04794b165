// The adapter between a protocol without I/O (bine/wire/protocol.h) and a connection: keeps the bytes that are not yet a
// whole event, stops while the consumer lags, hands the rest on at an upgrade.
//
//     class Chat final : public WireProtocol<wire::Line> {
//         void event_received(wire::Line::Event& event) override { ... }
//     };
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bine/net/protocol.h"
#include "bine/net/transport.h"
#include "bine/wire/protocol.h"

namespace bine {

// Input that has not become an event yet, kept between two reads. Holds no memory while there is none.
class InputTail {
public:
    bool empty() const noexcept { return kept_.empty(); }
    // What is kept with `bytes` behind it; a view into either.
    std::string_view join(std::string_view bytes);
    // Keeps `rest`, the end of what join() answered. What it costs is the bytes that came, not those that are kept.
    void keep(std::string_view rest);

private:
    std::string kept_;
    std::size_t begin_ = 0;  // in front of it is what has been used
};

template <wire::Parser P>
class WireProtocol : public Protocol {
public:
    using Event = typename P::Event;

    explicit WireProtocol(P parser = P()) : wire_(std::move(parser)) {}

    void connection_made(Transport& transport) override { transport_ = &transport; }
    void data_received(std::string_view bytes) final {
        if (running_) {
            meanwhile_.append(bytes);
            return;
        }
        run(tail_.join(bytes));
        if (ended_ && !lagging_) finish();
    }
    bool end_received() final {
        ended_ = true;
        if (!lagging_ && !running_) finish();
        return true;
    }

protected:
    // One event; its views are valid during the call. May lag(), upgrade() and use the transport.
    virtual void event_received(Event& event) = 0;
    // The other side broke the protocol or a limit; nothing more is read. At first: aborts with that error.
    virtual void protocol_failed(const Error& error) { transport_->abort(error); }
    // The other side has ended, in a good place. At first: closes.
    virtual void input_ended() { transport_->close(); }

    // Null before connection_made.
    Transport& transport() noexcept { return *transport_; }
    P& wire() noexcept { return wire_; }

    // No more events until resume(): reading stops too. Bytes that have come are kept.
    void lag() noexcept {
        lagging_ = true;
        transport_->pause_reading();
    }
    // Calls event_received for what is kept. From inside event_received it only takes lag() back.
    void resume() {
        lagging_ = false;
        if (running_) return transport_->resume_reading();
        run(tail_.join({}));
        if (lagging_ || replaced_) return;
        if (ended_) {
            finish();
        } else {
            transport_->resume_reading();
        }
    }
    // Hands the connection over when event_received returns, or in resume() when it was called later; what follows this
    // event belongs to `next`.
    void upgrade(std::unique_ptr<Protocol> next) noexcept { next_ = std::move(next); }

private:
    // What comes while event_received() is on the stack, in a nested turn, is looked at when that has returned.
    void run(std::string_view input) {
        take_events(input);
        while (!meanwhile_.empty() && !replaced_) {
            const std::string more = std::exchange(meanwhile_, {});
            take_events(tail_.join(more));
        }
    }

    void take_events(std::string_view input) {
        Event event;
        running_ = true;
        while (!next_ && !lagging_ && !failed_ && !transport_->is_closing()) {
            const wire::Step step = wire_.next(input, event);
            if (step == wire::Step::event) {
                event_received(event);
                continue;
            }
            if (step == wire::Step::error) fail();
            break;
        }
        running_ = false;
        if (next_) return hand_over(input);
        tail_.keep(failed_ ? std::string_view() : input);
    }

    void hand_over(std::string_view leftover) {
        replaced_ = true;
        if (!meanwhile_.empty()) leftover = meanwhile_.insert(0, leftover);
        transport_->resume_reading();  // lag() has paused it, perhaps
        transport_->replace_protocol(std::move(next_), leftover);
    }

    void finish() {
        if (failed_ || replaced_ || transport_->is_closing()) return;
        if (wire_.end()) run(tail_.join({}));
        if (failed_ || lagging_ || replaced_ || transport_->is_closing()) return;
        if (const auto ended = wire_.end(); !ended) {
            fail();
        } else {
            input_ended();
        }
    }

    void fail() {
        failed_ = true;
        protocol_failed(wire_.error());
    }

    P wire_;
    InputTail tail_;
    std::string meanwhile_;
    Transport* transport_ = nullptr;
    std::unique_ptr<Protocol> next_;
    bool lagging_ = false;
    bool running_ = false;
    bool replaced_ = false;
    bool ended_ = false;
    bool failed_ = false;
};

}  // namespace bine
