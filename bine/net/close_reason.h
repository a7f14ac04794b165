// Why a connection ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bine/base/error.h"

namespace bine {

class CloseReason {
public:
    enum class Kind : uint8_t {
        closed_here,   // we closed it, and everything written before has been handed over
        closed_there,  // the other side ended, in good order
        aborted,       // we gave it up: abort(), a limit, the end of the reactor, a callback that threw
        failed,        // the network or the system ended it: reset, unreachable, timed out
    };

    explicit CloseReason(Kind kind) : kind_(kind) {}
    CloseReason(Kind kind, Error error) : kind_(kind), error_(std::move(error)) {}

    Kind kind() const noexcept { return kind_; }
    // In good order: nothing that was written is known to be lost.
    bool clean() const noexcept { return kind_ == Kind::closed_here || kind_ == Kind::closed_there; }
    // What went wrong; null when clean, and when aborted without saying why.
    const Error* error() const noexcept { return error_ ? &*error_ : nullptr; }
    std::string to_string() const;

private:
    Kind kind_;
    std::optional<Error> error_;
};

}  // namespace bine
