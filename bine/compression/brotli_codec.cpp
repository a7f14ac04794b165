// br (RFC 7932). Windows of the standard only, at most 16 MiB, which the library takes as it needs them.
#include <brotli/decode.h>

#include <new>
#include <string>

#include "bine/compression/codec.h"

namespace bine::compression {

namespace {

class BrotliCodec final : public Codec {
public:
    explicit BrotliCodec(bool ignore_trailing)
        : ignore_trailing_(ignore_trailing), state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
        if (!state_) throw std::bad_alloc();
    }
    ~BrotliCodec() override { BrotliDecoderDestroyInstance(state_); }
    BrotliCodec(const BrotliCodec&) = delete;
    BrotliCodec& operator=(const BrotliCodec&) = delete;

    Result<std::size_t> decode(std::string_view& input, std::span<char> room) override {
        if (BrotliDecoderIsFinished(state_) != 0) return handle_trailing(Coding::brotli, ignore_trailing_, input);
        std::size_t left = input.size();
        std::size_t space = room.size();
        const auto* in = reinterpret_cast<const uint8_t*>(input.data());
        auto* out = reinterpret_cast<uint8_t*>(room.data());
        const BrotliDecoderResult answer = BrotliDecoderDecompressStream(state_, &left, &in, &space, &out, nullptr);
        input.remove_prefix(input.size() - left);
        if (answer == BROTLI_DECODER_RESULT_ERROR) return fail(error());
        const std::size_t written = room.size() - space;
        if (answer == BROTLI_DECODER_RESULT_SUCCESS && written == 0 && !input.empty()) {
            return handle_trailing(Coding::brotli, ignore_trailing_, input);
        }
        return written;
    }

    bool whole() const noexcept override {
        return BrotliDecoderIsFinished(state_) != 0 || BrotliDecoderIsUsed(state_) == 0;
    }

private:
    Error error() const {
        const BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(state_);
        if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES && code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES) {
            return Error::out_of_memory();
        }
        return Error(Errc::remote_protocol, std::string("the br data is broken: ") + BrotliDecoderErrorString(code));
    }

    const bool ignore_trailing_;
    BrotliDecoderState* const state_;
};

}  // namespace

std::unique_ptr<Codec> make_brotli_codec(bool ignore_trailing) {
    return std::make_unique<BrotliCodec>(ignore_trailing);
}

}  // namespace bine::compression
