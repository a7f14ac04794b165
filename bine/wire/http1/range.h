// The Range field (RFC 9110 section 14.2), for one range of bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace bine::http1 {

struct ByteRange {
    enum class Kind : uint8_t {
        none,           // not a field to be obeyed: another unit, not well-formed, or more ranges than one
        satisfiable,    // `length` bytes, at least one, from `offset`
        unsatisfiable,  // well-formed, but beyond the end
    };
    Kind kind = Kind::none;
    uint64_t offset = 0;
    uint64_t length = 0;

    // What "bytes=0-499", "bytes=500-" or "bytes=-500" asks of `size` bytes.
    static ByteRange parse(std::string_view field, uint64_t size) noexcept;
};

}  // namespace bine::http1
