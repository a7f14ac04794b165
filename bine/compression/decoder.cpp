#include "bine/compression/decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "bine/compression/codec.h"

namespace bine::compression {

namespace {

constexpr std::size_t kPiece = 16 * 1024;

std::unique_ptr<Codec> make_codec(Coding coding, bool ignore_trailing) {
    switch (coding) {
        case Coding::brotli: return make_brotli_codec(ignore_trailing);
        case Coding::zstd: return make_zstd_codec(ignore_trailing);
        case Coding::gzip:
        case Coding::deflate: break;
    }
    return make_zlib_codec(coding, ignore_trailing);
}

struct Stage {
    Coding coding;
    std::unique_ptr<Codec> codec;
    std::unique_ptr<std::array<char, kPiece>> memory;
    uint64_t total = 0;       // bytes written
    std::string_view output;  // of those, what the next stage has not taken
};

}  // namespace

Result<std::size_t> handle_trailing(Coding coding, bool ignore, std::string_view& input) {
    if (!ignore && !input.empty()) {
        return fail(Errc::remote_protocol,
                    "bytes stand behind the end of the " + std::string(name_of(coding)) + " data");
    }
    input.remove_prefix(input.size());
    return 0;
}

// Stages in the order in which they run: the coding that was applied last is undone first.
struct Decoder::Chain {
    explicit Chain(Options o) : options(o) {}

    // What stage `at` writes next, from `input` or from what the stage in front of it writes.
    Result<std::string_view> pull(std::size_t at, std::string_view& input) {
        Stage& stage = stages[at];
        for (;;) {
            std::string_view& from = at == 0 ? input : stages[at - 1].output;
            const std::size_t before = from.size();
            const Result<std::size_t> written = stage.codec->decode(from, room(stage));
            if (at == 0) taken += before - from.size();
            if (!written) return fail(written.error());
            if (*written > 0) return check(stage, *written);
            if (at == 0) return std::string_view();
            const Result<std::string_view> more = pull(at - 1, input);
            if (!more || more->empty()) return more;
            from = *more;
        }
    }

    // No more than is still allowed; a byte when that is nothing, so that the end of the data can be told from a byte more.
    std::span<char> room(Stage& stage) const noexcept {
        const uint64_t allowed = std::max<uint64_t>(options.most - stage.total, 1);
        return std::span<char>(*stage.memory).first(static_cast<std::size_t>(std::min<uint64_t>(allowed, kPiece)));
    }

    Result<std::string_view> check(Stage& stage, std::size_t written) const {
        stage.total += written;
        if (stage.total > options.most)
            return fail(too_much(stage, "more than " + std::to_string(options.most) + " bytes"));
        const bool suspicious = options.ratio != 0 && stage.total > options.ratio_floor;
        if (suspicious && stage.total / options.ratio > taken) {
            return fail(too_much(stage, "more than " + std::to_string(options.ratio) + " times its size"));
        }
        return std::string_view(stage.memory->data(), written);
    }

    static Error too_much(const Stage& stage, const std::string& what) {
        return Error(Errc::limit_exceeded, "the " + std::string(name_of(stage.coding)) + " data inflates to " + what +
                                               "; raise that limit if its sender is trusted");
    }

    const Options options;
    std::vector<Stage> stages;
    uint64_t taken = 0;
    std::optional<Error> error;
};

Result<Decoder> Decoder::make(std::string_view content_encoding, Options options) {
    const Result<std::vector<Coding>> codings = parse_content_encoding(content_encoding);
    if (!codings) return fail(codings.error());
    return Decoder(*codings, options);
}

Decoder::Decoder(const std::vector<Coding>& codings, Options options) : chain_(std::make_unique<Chain>(options)) {
    for (auto coding = codings.rbegin(); coding != codings.rend(); ++coding) {
        chain_->stages.push_back({.coding = *coding,
                                  .codec = make_codec(*coding, options.ignore_trailing),
                                  .memory = std::make_unique<std::array<char, kPiece>>(),
                                  .total = 0,
                                  .output = {}});
    }
}

Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<std::string_view> Decoder::next(std::string_view& input) {
    if (chain_->error) return fail(*chain_->error);
    if (chain_->stages.empty()) {
        chain_->taken += input.size();
        return std::exchange(input, input.substr(input.size()));
    }
    Result<std::string_view> piece = chain_->pull(chain_->stages.size() - 1, input);
    if (!piece) chain_->error = piece.error();
    return piece;
}

Result<> Decoder::end() {
    for (const Stage& stage : chain_->stages) {
        if (chain_->error || stage.codec->whole()) continue;
        chain_->error =
            Error(Errc::end_of_stream, "the " + std::string(name_of(stage.coding)) + " data is cut short after " +
                                           std::to_string(chain_->taken) + " bytes");
    }
    if (chain_->error) return fail(*chain_->error);
    return {};
}

uint64_t Decoder::taken() const noexcept { return chain_->taken; }

uint64_t Decoder::given() const noexcept {
    return chain_->stages.empty() ? chain_->taken : chain_->stages.back().total;
}

}  // namespace bine::compression
