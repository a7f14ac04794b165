// Messages behind their length, a big-endian number of 1, 2, 4 or 8 bytes: Twisted's Int8-, Int16- and
// Int32StringReceiver, and much else. One thread; see protocol.h for the lifetime of events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/wire/protocol.h"

namespace bine::wire {

class LengthPrefixed {
public:
    enum class Width : uint8_t { one = 1, two = 2, four = 4, eight = 8 };

    struct Options {
        Width width = Width::four;
        std::size_t limit = 99999;  // bytes of one message, prefix not counted
    };

    struct Event {
        std::string_view bytes;
    };
    using Message = std::string_view;

    LengthPrefixed() : LengthPrefixed(Options()) {}
    explicit LengthPrefixed(Options options) noexcept
        : width_(static_cast<uint8_t>(options.width)), limit_(options.limit) {}

    // A length over the limit is refused as soon as the prefix is there.
    Step next(std::string_view& input, Event& event);
    Result<> end();
    const Error& error() const noexcept { return failure_.error(); }

    // Errors: local_protocol when the length does not fit the prefix.
    Result<> send(std::string_view bytes, Output& output) const;

private:
    uint8_t width_;
    bool inside_ = false;
    std::size_t limit_;
    Failure failure_;
};

}  // namespace bine::wire
