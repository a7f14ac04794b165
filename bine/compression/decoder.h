// Undoes content codings as bytes come: bytes in, bytes out, without I/O. One thread.
//
//     auto decoder = Decoder::make(response.field("content-encoding"));
//     for (std::string_view rest = piece; ; ) {                     // for each piece of the body
//         const Result<std::string_view> bytes = decoder->next(rest);
//         if (!bytes || bytes->empty()) break;                      // an error; or all of the piece has been used
//         use(*bytes);
//     }
//     decoder->end();                                               // the body has ended: was it whole?
//
// A small body may inflate without end, so the bounds hold *while* it inflates: never are more bytes handed out than
// Options::most, and no more than 16 KiB at a time are held, besides the window of each coding (32 KiB for gzip and deflate,
// at most 16 MiB for br and 8 MiB for zstd).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "bine/base/result.h"
#include "bine/compression/coding.h"

namespace bine::compression {

class Decoder {
public:
    struct Options {
        // Inflated bytes, of each coding by itself.
        uint64_t most = 64 << 20;
        // Inflated bytes for each byte that came, once they are more than `ratio_floor`; 0 for no such bound.
        uint32_t ratio = 100;
        uint64_t ratio_floor = 4 << 20;
        // Bytes behind the end of the compressed data are dropped instead of being an error.
        bool ignore_trailing = false;
    };

    // For the value of a Content-Encoding field. An empty one, or "identity", gives a decoder that hands on what it gets.
    // Errors: those of parse_content_encoding.
    static Result<Decoder> make(std::string_view content_encoding) { return make(content_encoding, Options()); }
    static Result<Decoder> make(std::string_view content_encoding, Options options);
    // In the order in which they were applied; at most kMostCodings.
    explicit Decoder(const std::vector<Coding>& codings) : Decoder(codings, Options()) {}
    Decoder(const std::vector<Coding>& codings, Options options);
    Decoder(Decoder&&) noexcept;
    Decoder& operator=(Decoder&&) noexcept;
    ~Decoder();

    // Takes bytes from the front of `input` and answers the next inflated ones, valid until the next call; none when all
    // of `input` has been taken and more is needed. Call it until then.
    // Errors, sticky: remote_protocol when the data is broken, or when bytes stand behind its end; limit_exceeded when it
    // inflates to too much, exactly behind the last byte that was allowed; ENOMEM. How much of broken data is handed out
    // before its error hangs on how it was cut.
    Result<std::string_view> next(std::string_view& input);

    // No byte will come behind those that next() has seen; call it when that has answered with none. No bytes at all are
    // an empty body and no error: what has no body may still have the field.
    // Errors: end_of_stream when the data is cut short; those of next().
    Result<> end();

    // Bytes that came, and bytes that were handed out.
    uint64_t taken() const noexcept;
    uint64_t given() const noexcept;

private:
    struct Chain;
    std::unique_ptr<Chain> chain_;
};

}  // namespace bine::compression
