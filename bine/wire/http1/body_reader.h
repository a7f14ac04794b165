// The body of a message while it comes, as its head frames it (RFC 9112 section 6): what requests and answers have in
// common. Inner part of the parsers. Holds counts and no bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "bine/wire/http1/chunked.h"
#include "bine/wire/http1/fault.h"
#include "bine/wire/protocol.h"

namespace bine::http1 {

class BodyReader {
public:
    enum class Kind : uint8_t { length, chunks, until_end };

    // `length` counts for Kind::length only. More than `most` bytes, decoded, are Fault::long_body.
    BodyReader(Kind kind, uint64_t length, uint64_t most) noexcept : most_(most & kAny), kind_(kind) {
        limit(most);
        if (kind == Kind::length) remaining_ = length;
        if (kind == Kind::chunks) std::construct_at(&chunks_);
    }

    Kind kind() const noexcept { return kind_; }
    // Before the first next().
    void limit(uint64_t most) noexcept { most_ = (most < kAny ? most : kAny) & kAny; }
    // Its length says that it will be refused.
    bool is_too_long() const noexcept { return kind_ == Kind::length && remaining_ > most_; }
    // Known to come: with a length, else 0.
    uint64_t remaining() const noexcept { return kind_ == Kind::length ? remaining_ : 0; }

    // event: the next piece, or an empty one behind the last (chunks: up to their trailers). Kind::until_end has no last.
    wire::Step next(std::string_view& input, std::string_view& piece, Fault& fault) noexcept;

private:
    wire::Step read_chunk(std::string_view& input, std::string_view& piece, Fault& fault) noexcept;

    union {
        uint64_t remaining_ = 0;
        ChunkedDecoder chunks_;
    };
    // One word for both: an idle connection of a server has room for a body, too.
    static constexpr uint64_t kAny = (uint64_t{1} << 62) - 1;
    uint64_t most_ : 62;  // that may still come
    Kind kind_ : 2;
};

}  // namespace bine::http1
