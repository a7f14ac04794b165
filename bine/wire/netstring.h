// Netstrings: "5:hello," (D. J. Bernstein, 1997). One thread; see protocol.h for the lifetime of events.
//
// Strict: the length is "0" or digits without a leading zero; a length over the limit is refused before its bytes come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/wire/protocol.h"

namespace bine::wire {

class Netstring {
public:
    struct Options {
        std::size_t limit = 99999;  // bytes of one string
    };

    struct Event {
        std::string_view bytes;
    };
    using Message = std::string_view;

    Netstring() : Netstring(Options()) {}
    explicit Netstring(Options options) noexcept : limit_(options.limit) {}

    Step next(std::string_view& input, Event& event);
    Result<> end();
    const Error& error() const noexcept { return failure_.error(); }

    // Never fails: any bytes can be sent, the limit is for what comes.
    Result<> send(std::string_view bytes, Output& output) const;

private:
    Step read_length(std::string_view input);

    std::size_t limit_;
    std::size_t offset_ = 0;  // bytes of the length, colon included, that have been read
    std::size_t length_ = 0;
    bool length_known_ = false;
    Failure failure_;
};

}  // namespace bine::wire
