#include "bine/client/client_connection.h"

#include <cassert>

#include "bine/client/client_exchange.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"

namespace bine::http {

using wire::Step;

ClientConnection::ClientConnection(PoolPlace place, const http1::AnswerLimits& limits, const KeepOptions& keep)
    : place_(std::move(place)), limits_(limits), keep_(keep), parser_(limits_) {}

ClientConnection::~ClientConnection() {
    if (place_) place_.withdraw(*this);
}

Reactor& ClientConnection::reactor() const noexcept { return transport_->reactor(); }

void ClientConnection::connection_made(Transport& transport) { transport_ = &transport; }

void ClientConnection::data_received(std::string_view bytes) { run(tail_.join(bytes)); }

// Bytes that nobody asked for would be taken for the answer to the next request.
void ClientConnection::run(std::string_view input) {
    if (!exchange_) {
        tail_.keep({});
        return retire();
    }
    ClientExchange& exchange = *exchange_;
    if (!input.empty()) exchange.bytes_received();
    const bool goes_on = take_events(input);
    const bool failed = !goes_on && !parser_.changes_protocol() && parser_.fault() != http1::Fault::none;
    tail_.keep(failed ? std::string_view() : input);
    if (failed) return end_exchange(parser_.error(), true);
    if (!goes_on && !parser_.changes_protocol()) return finish(input.empty());
    ClientExchange::Ending ending = exchange.wake();
    exchange.send_body_if_asked();
    std::move(ending).happen();
}

// False at the end of the answer, and at a fault.
bool ClientConnection::take_events(std::string_view& input) {
    http1::ResponseEvent event;
    while (exchange_->has_room()) {
        const Step step = parser_.next(input, event);
        if (step == Step::need_more) {
            resume();
            return true;
        }
        if (step == Step::error) return false;
        pass_on(event);
        if (event.kind != http1::ResponseEvent::Kind::end) continue;
        if (parser_.changes_protocol()) pause();
        return false;
    }
    pause();
    return true;
}

void ClientConnection::pass_on(const http1::ResponseEvent& event) {
    switch (event.kind) {
        case http1::ResponseEvent::Kind::interim: return exchange_->interim_received(event.head);
        case http1::ResponseEvent::Kind::head: return exchange_->head_received(event.head);
        case http1::ResponseEvent::Kind::body: return exchange_->body_received(event.body);
        case http1::ResponseEvent::Kind::end: return exchange_->body_ended(event.trailers);
    }
}

bool ClientConnection::can_be_kept(bool clean) const noexcept {
    if (!clean || ended_ || !parser_.keep_alive() || transport_->is_closing()) return false;
    if (!exchange_->request_sent_whole() || exchange_->closes()) return false;
    return keep_.requests == 0 || answers_ < keep_.requests;
}

void ClientConnection::finish(bool clean) {
    ++answers_;
    const bool kept = can_be_kept(clean);
    const bool sent = exchange_->request_sent_whole();
    ClientExchange::Ending ending = std::exchange(exchange_, nullptr)->released(nullptr, false);
    if (kept) {
        resume();
        tail_.keep({});
        place_.keep(*this);
    } else {
        if (!sent) transport_->abort();  // the rest of the request is of no use to anybody
        retire();
    }
    std::move(ending).happen();
}

void ClientConnection::end_exchange(const Error& error, bool from_there) {
    place_.withdraw(*this);
    ClientExchange::Ending ending = std::exchange(exchange_, nullptr)->released(&error, from_there);
    if (transport_) transport_->abort();
    std::move(ending).happen();
}

bool ClientConnection::end_received() {
    ended_ = true;
    if (!exchange_) {
        place_.withdraw(*this);
        return false;
    }
    if (parser_.changes_protocol()) return true;
    if (const Result<> ended = parser_.end(); !ended) {
        end_exchange(ended.error(), true);
    } else {
        run(tail_.join({}));
    }
    return true;
}

void ClientConnection::writing_resumed() {
    if (exchange_) exchange_->writing_resumed();
}

void ClientConnection::connection_lost(const CloseReason& reason) {
    transport_ = nullptr;
    place_.withdraw(*this);
    static_cast<Timer&>(*this).unlink();
    ClientExchange::Ending ending;
    if (exchange_) {
        const Result<> ended = parser_.end();
        Error error(Errc::closed, "the connection was closed before the end of the answer");
        if (!ended) error = ended.error();
        if (reason.error()) error = *reason.error();
        ending = std::exchange(exchange_, nullptr)->released(&error, reason.kind() != CloseReason::Kind::aborted);
    }
    place_.release();
    std::move(ending).happen();
}

void ClientConnection::begin_idle() noexcept {
    if (keep_.idle_time > Duration(0)) reactor().timers().arm(*this, time_after(reactor(), keep_.idle_time));
}

void ClientConnection::end_idle() noexcept { static_cast<Timer&>(*this).unlink(); }

void ClientConnection::close_idle() noexcept { retire(); }

// Its place is free at once: what still has to leave is a goodbye.
void ClientConnection::retire() noexcept {
    if (!place_) return;
    place_.withdraw(*this);
    if (transport_) transport_->close();
    place_.release();
}

void ClientConnection::attach(ClientExchange& exchange, http1::Expected expected) noexcept {
    assert(!exchange_);
    exchange_ = &exchange;
    parser_.expect(expected);
}

void ClientConnection::detach() noexcept {
    exchange_ = nullptr;
    if (place_) place_.withdraw(*this);
    if (transport_) transport_->abort();
}

void ClientConnection::fail_exchange(const Error& error) { end_exchange(error, false); }

void ClientConnection::want_input() {
    if (!paused_ || parser_.changes_protocol()) return;
    run(tail_.join({}));
}

void ClientConnection::pause() noexcept {
    if (!std::exchange(paused_, true)) transport_->pause_reading();
}

void ClientConnection::resume() noexcept {
    if (std::exchange(paused_, false)) transport_->resume_reading();
}

void ClientConnection::hand_over(std::unique_ptr<Protocol> next) {
    exchange_ = nullptr;
    const std::string leftover(tail_.join({}));
    resume();
    place_.withdraw(*this);
    PoolPlace place = std::move(place_);
    std::exchange(transport_, nullptr)->replace_protocol(std::move(next), leftover);
}

}  // namespace bine::http
