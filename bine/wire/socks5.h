// The client's side of SOCKS 5 (RFC 1928), with user name and password (RFC 1929): asks a proxy for a connection to a host.
// One thread; see protocol.h for the lifetime of events.
//
// The client speaks first and answers what comes, so its events say what to send:
//   speak      send `bytes` to the proxy. The first such event takes no input: ask next() before any byte has come.
//   connected  what follows, in both directions, is the connection that was asked for
// Behind connected always need_more, taking nothing: what is left belongs to the next protocol.
//
//   state      expects               sends
//   opening    nothing               the methods that it knows
//   choosing   the proxy's choice    user name and password, or the request
//   proving    whether they are good the request
//   asking     the answer            nothing: connected
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bine/base/result.h"
#include "bine/wire/protocol.h"

namespace bine::wire {

class Socks5Client {
public:
    struct Target {
        std::string host;  // an IP address without brackets, or a name, which the proxy then looks up
        uint16_t port = 0;
    };
    struct Login {
        std::string user;      // empty: none is offered
        std::string password;  // at most 255 bytes each
    };
    struct Event {
        enum class Kind : uint8_t { speak, connected };
        Kind kind = Kind::speak;
        std::string_view bytes{};  // speak
        std::string host{};        // connected: where the proxy's own connection begins; often all zeros
        uint16_t port = 0;
    };

    // Errors: invalid_argument for a host that is empty, longer than 255 bytes or holds a NUL byte, and for a user name or
    // password that is too long.
    static Result<Socks5Client> make(const Target& target) { return make(target, Login()); }
    static Result<Socks5Client> make(const Target& target, const Login& login);

    // Errors: remote_protocol for what is no SOCKS 5. What the proxy refuses has the errno that connecting without it would
    // have had (ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT), EACCES when the proxy does not want to or does not
    // know the user, remote_protocol for a failure of its own.
    Step next(std::string_view& input, Event& event);
    // Errors: end_of_stream when the proxy ended before connected.
    Result<> end();
    const Error& error() const noexcept { return failure_.error(); }

private:
    enum class State : uint8_t { opening, choosing, proving, asking, connected };

    Socks5Client() = default;
    Step speak(State next, const std::string& bytes, Event& event);
    Step choose(std::string_view& input, Event& event);
    Step prove(std::string_view& input, Event& event);
    Step answer(std::string_view& input, Event& event);
    Step refuse(std::string_view why, Place place = Place::current()) {
        return failure_.set(Errc::remote_protocol, why, place);
    }

    State state_ = State::opening;
    std::string greeting_;
    std::string login_;  // empty when there is none
    std::string request_;
    Failure failure_;
};

}  // namespace bine::wire
