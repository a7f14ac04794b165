// One coding being undone, and how the decoder knows it: an interface over the libraries. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "bine/base/result.h"
#include "bine/compression/coding.h"

namespace bine::compression {

class Codec {
public:
    virtual ~Codec() = default;

    // Takes bytes from the front of `input`, writes at the front of `room` and answers how many. When it has written
    // none, it has taken all of `input` and holds nothing back. After an error it is not called again.
    // Errors: remote_protocol for bytes that are not this coding, and for bytes behind its end; limit_exceeded for a
    // window that is too large; ENOMEM.
    virtual Result<std::size_t> decode(std::string_view& input, std::span<char> room) = 0;

    // Whether what came so far is whole, or nothing came at all.
    virtual bool whole() const noexcept = 0;
};

// Throws std::bad_alloc when there is no memory for its state.
std::unique_ptr<Codec> make_zlib_codec(Coding coding, bool ignore_trailing);
std::unique_ptr<Codec> make_brotli_codec(bool ignore_trailing);
std::unique_ptr<Codec> make_zstd_codec(bool ignore_trailing);

// What every codec says of bytes behind its end: an error, or their end.
Result<std::size_t> handle_trailing(Coding coding, bool ignore, std::string_view& input);

}  // namespace bine::compression
