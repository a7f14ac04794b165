#include "bine/testing/scripted_peer.h"

#include <algorithm>

#include "bine/base/text.h"
#include "bine/net/transport.h"

namespace bine::testing {

// What the connection owns; the script stays with the test.
class ScriptedPeer::Actor final : public Protocol {
public:
    explicit Actor(ScriptedPeer& peer) : peer_(peer) {}

    void connection_made(Transport& transport) override {
        peer_.transport_ = &transport;
        peer_.play();
    }
    void data_received(std::string_view bytes) override {
        peer_.received_.append(bytes);
        peer_.play();
    }
    bool end_received() override {
        peer_.ended_ = true;
        peer_.play();
        return !peer_.steps_.empty();
    }
    void connection_lost(const CloseReason&) override {
        peer_.ended_ = peer_.lost_ = true;
        peer_.play();
        peer_.transport_ = nullptr;
    }

private:
    ScriptedPeer& peer_;
};

ScriptedPeer& ScriptedPeer::add(Action action, std::string bytes) {
    steps_.push_back({action, std::move(bytes)});
    return *this;
}

ScriptedPeer& ScriptedPeer::expect(std::string bytes) { return add(Action::expect, std::move(bytes)); }
ScriptedPeer& ScriptedPeer::expect_until(std::string mark) { return add(Action::expect_until, std::move(mark)); }
ScriptedPeer& ScriptedPeer::expect_end() { return add(Action::expect_end); }
ScriptedPeer& ScriptedPeer::send(std::string bytes) { return add(Action::send, std::move(bytes)); }
ScriptedPeer& ScriptedPeer::shutdown_writing() { return add(Action::shutdown_writing); }
ScriptedPeer& ScriptedPeer::close() { return add(Action::close); }
ScriptedPeer& ScriptedPeer::abort() { return add(Action::abort); }

std::unique_ptr<Protocol> ScriptedPeer::make_protocol() { return std::make_unique<Actor>(*this); }

void ScriptedPeer::play() {
    while (problem_.empty() && !steps_.empty() && try_step(steps_.front())) steps_.pop_front();
    if (problem_.empty() && steps_.empty() && checked_ < received_.size()) {
        fail("more came than was expected: " + escape(std::string_view(received_).substr(checked_)));
    }
}

// False when the step has to wait, or has failed.
bool ScriptedPeer::try_step(const Step& step) {
    switch (step.action) {
        case Action::expect: return try_expect(step.bytes);
        case Action::expect_until: {
            const std::size_t at = received_.find(step.bytes, checked_);
            if (at != std::string::npos) checked_ = at + step.bytes.size();
            return at != std::string::npos;
        }
        case Action::expect_end:
            if (checked_ < received_.size()) {
                fail("bytes came instead of the end: " + escape(std::string_view(received_).substr(checked_)));
            }
            return ended_ && problem_.empty();
        default: break;
    }
    if (lost_) {
        fail("the connection was lost before the script was over");
        return false;
    }
    switch (step.action) {
        case Action::send: transport_->write(step.bytes); break;
        case Action::shutdown_writing: transport_->shutdown_writing(); break;
        case Action::close: transport_->close(); break;
        default: transport_->abort(); break;
    }
    return true;
}

bool ScriptedPeer::try_expect(std::string_view wanted) {
    const std::string_view come = std::string_view(received_).substr(checked_);
    const std::size_t common = std::min(come.size(), wanted.size());
    if (come.substr(0, common) != wanted.substr(0, common)) {
        fail("expected " + escape(wanted) + ", but received " + escape(come));
        return false;
    }
    if (come.size() < wanted.size()) return false;
    checked_ += wanted.size();
    return true;
}

void ScriptedPeer::fail(std::string what) {
    problem_ = std::move(what);
    if (transport_ && !lost_) transport_->abort();
}

std::string ScriptedPeer::problem() const {
    if (!problem_.empty() || steps_.empty()) return problem_;
    if (!transport_ && !lost_) return "no connection was made";
    const Step& next = steps_.front();
    if (next.action == Action::expect_end) return "the end was expected and did not come";
    return "expected " + escape(next.bytes) + ", but received " + escape(std::string_view(received_).substr(checked_));
}

}  // namespace bine::testing
