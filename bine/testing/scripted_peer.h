// The other side of a conversation, as a script: send this, expect that, in order.
//
//     ScriptedPeer peer;
//     peer.expect("hello\r\n").send("welcome\r\n").expect_end();
//     ... give peer.make_protocol() to a transport, run the loop ...
//     CHECK(peer.problem() == "");
//
// Lifetime: outlives the protocol that it made. Confined to one thread.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "bine/net/protocol.h"

namespace bine::testing {

class ScriptedPeer {
public:
    ScriptedPeer() = default;
    ScriptedPeer(const ScriptedPeer&) = delete;
    ScriptedPeer& operator=(const ScriptedPeer&) = delete;

    // Exactly these bytes come next, in pieces of any size.
    ScriptedPeer& expect(std::string bytes);
    // All up to and with `mark`, whatever it is; received() has it.
    ScriptedPeer& expect_until(std::string mark);
    // The other side ends its direction, or the connection.
    ScriptedPeer& expect_end();
    ScriptedPeer& send(std::string bytes);
    ScriptedPeer& shutdown_writing();
    ScriptedPeer& close();
    ScriptedPeer& abort();

    // For one connection.
    std::unique_ptr<Protocol> make_protocol();

    // The script has been played to its end.
    bool is_done() const noexcept { return steps_.empty(); }
    // What went otherwise than in the script, or what it still waits for; nothing when all went well.
    std::string problem() const;
    // All bytes, expected or not.
    const std::string& received() const noexcept { return received_; }
    bool is_lost() const noexcept { return lost_; }

private:
    enum class Action : uint8_t { expect, expect_until, expect_end, send, shutdown_writing, close, abort };
    struct Step {
        Action action;
        std::string bytes;
    };
    class Actor;

    ScriptedPeer& add(Action action, std::string bytes = {});
    void play();
    bool try_step(const Step& step);
    bool try_expect(std::string_view wanted);
    void fail(std::string what);

    std::deque<Step> steps_;
    std::string received_;
    std::size_t checked_ = 0;
    std::string problem_;
    Transport* transport_ = nullptr;
    bool ended_ = false;
    bool lost_ = false;
};

}  // namespace bine::testing
