// zstd (RFC 8878): frames and skippable frames, one behind the other; windows of at most 8 MiB, as RFC 9659 wants it.
#include <zstd.h>
#include <zstd_errors.h>

#include <new>
#include <string>

#include "bine/compression/codec.h"

namespace bine::compression {

namespace {

constexpr int kWindowLog = 23;

// How frames begin; a skippable one has any low half in its first byte.
constexpr std::string_view kFrame = "\x28\xb5\x2f\xfd";
constexpr std::string_view kSkippable = "\x50\x2a\x4d\x18";
constexpr std::size_t kMagic = 4;

class ZstdCodec final : public Codec {
public:
    explicit ZstdCodec(bool ignore_trailing) : ignore_trailing_(ignore_trailing), stream_(ZSTD_createDStream()) {
        if (!stream_) throw std::bad_alloc();
        ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kWindowLog);
    }
    ~ZstdCodec() override { ZSTD_freeDStream(stream_); }
    ZstdCodec(const ZstdCodec&) = delete;
    ZstdCodec& operator=(const ZstdCodec&) = delete;

    Result<std::size_t> decode(std::string_view& input, std::span<char> room) override {
        std::size_t written = 0;
        // More may be waiting inside as long as the room was filled; asked for more often than that, the library complains.
        while (written == 0 && (full_ || !input.empty())) {
            const std::size_t before = magic_;
            if (before < kMagic && !see_magic(input)) return not_a_frame(input);
            // The first bytes of a frame go in alone: given a whole frame, the library takes a short cut that judges some
            // broken ones otherwise.
            ZSTD_inBuffer in{input.data(), before < kMagic ? magic_ - before : input.size(), 0};
            ZSTD_outBuffer out{room.data(), room.size(), 0};
            const std::size_t answer = ZSTD_decompressStream(stream_, &out, &in);
            if (ZSTD_isError(answer)) return fail(error(ZSTD_getErrorCode(answer)));
            input.remove_prefix(in.pos);
            written = out.pos;
            full_ = answer != 0 && out.pos == out.size;
            if (answer == 0) {
                magic_ = 0;
                some_ = true;
            }
        }
        return written;
    }

    bool whole() const noexcept override { return magic_ == 0 || trailing_; }

private:
    // Whether a frame begins, as far as can be seen. The library would know more kinds: those from before the standard,
    // whose decoders nobody attends to any more.
    bool see_magic(std::string_view input) noexcept {
        for (const char c : input) {
            if (magic_ == kMagic) break;
            if (magic_ == 0) skippable_ = (c & 0xf0) == 0x50;
            const bool fits = c == (skippable_ ? kSkippable : kFrame)[magic_] || (magic_ == 0 && skippable_);
            if (trailing_ || !fits) return false;
            ++magic_;
        }
        return true;
    }

    Result<std::size_t> not_a_frame(std::string_view& input) {
        if (!some_) return fail(Errc::remote_protocol, "the zstd data is broken: it does not begin as zstd data does");
        trailing_ = true;
        return handle_trailing(Coding::zstd, ignore_trailing_, input);
    }

    static Error error(ZSTD_ErrorCode code) {
        if (code == ZSTD_error_memory_allocation) return Error::out_of_memory();
        if (code == ZSTD_error_frameParameter_windowTooLarge) {
            return Error(Errc::limit_exceeded, "the zstd data wants a window of more than 8 MiB");
        }
        return Error(Errc::remote_protocol, std::string("the zstd data is broken: ") + ZSTD_getErrorString(code));
    }

    const bool ignore_trailing_;
    std::size_t magic_ = 0;   // bytes of the frame's first four that were seen
    bool skippable_ = false;  // it is no data
    bool full_ = false;       // the room was, the last time
    bool some_ = false;       // a frame has ended
    bool trailing_ = false;   // what comes is no frame
    ZSTD_DStream* const stream_;
};

}  // namespace

std::unique_ptr<Codec> make_zstd_codec(bool ignore_trailing) { return std::make_unique<ZstdCodec>(ignore_trailing); }

}  // namespace bine::compression
