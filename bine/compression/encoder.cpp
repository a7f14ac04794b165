#include "bine/compression/encoder.h"

#define ZLIB_CONST  // zlib then takes input that it may not write to
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <climits>
#include <new>
#include <span>

namespace bine::compression {

namespace {

enum class Then : uint8_t { go_on, flush, finish };

constexpr std::size_t kRoom = 4096;

}  // namespace

// One step: takes from `input`, writes into `room`; `done` when nothing is held back of what `then` asks for.
class Encoder::Work {
public:
    struct Step {
        std::size_t written = 0;
        bool done = false;
        bool failed = false;
    };

    virtual ~Work() = default;
    virtual Step step(std::string_view& input, std::span<char> room, Then then) = 0;

    Result<> run(std::string_view input, Output& output, Then then) {
        for (;;) {
            const std::span<char> room = output.prepare(kRoom);
            const Step made = step(input, room, then);
            output.commit(made.written);
            if (made.failed) return fail(Error::out_of_memory());
            if (made.done && input.empty()) return {};
        }
    }
};

namespace {

class ZlibWork final : public Encoder::Work {
public:
    ZlibWork(Coding coding, int level) {
        constexpr int kMemoryLevel = 8;
        const int bits = coding == Coding::gzip ? MAX_WBITS + 16 : MAX_WBITS;
        if (deflateInit2(&stream_, std::clamp(level, 0, 9), Z_DEFLATED, bits, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
            Z_OK) {
            throw std::bad_alloc();
        }
    }
    ~ZlibWork() override { deflateEnd(&stream_); }
    ZlibWork(const ZlibWork&) = delete;
    ZlibWork& operator=(const ZlibWork&) = delete;

    Step step(std::string_view& input, std::span<char> room, Then then) override {
        stream_.next_in = reinterpret_cast<const Bytef*>(input.data());
        stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(input.size(), UINT_MAX));
        stream_.next_out = reinterpret_cast<Bytef*>(room.data());
        stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(room.size(), UINT_MAX));
        const uInt given = stream_.avail_in;
        const uInt space = stream_.avail_out;
        const bool last = given == input.size();
        const int answer = deflate(&stream_, last ? flush_of(then) : Z_NO_FLUSH);
        input.remove_prefix(given - stream_.avail_in);
        const bool done = then == Then::finish ? answer == Z_STREAM_END : stream_.avail_out != 0;
        return {space - stream_.avail_out, done, answer == Z_STREAM_ERROR};
    }

private:
    static int flush_of(Then then) noexcept {
        if (then == Then::go_on) return Z_NO_FLUSH;
        return then == Then::flush ? Z_SYNC_FLUSH : Z_FINISH;
    }

    z_stream stream_{};
};

class BrotliWork final : public Encoder::Work {
public:
    explicit BrotliWork(int level) : state_(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
        if (!state_) throw std::bad_alloc();
        BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, static_cast<uint32_t>(std::clamp(level, 0, 11)));
    }
    ~BrotliWork() override { BrotliEncoderDestroyInstance(state_); }
    BrotliWork(const BrotliWork&) = delete;
    BrotliWork& operator=(const BrotliWork&) = delete;

    Step step(std::string_view& input, std::span<char> room, Then then) override {
        std::size_t left = input.size();
        std::size_t space = room.size();
        const auto* in = reinterpret_cast<const uint8_t*>(input.data());
        auto* out = reinterpret_cast<uint8_t*>(room.data());
        if (!BrotliEncoderCompressStream(state_, operation_of(then), &left, &in, &space, &out, nullptr)) {
            return {.failed = true};
        }
        input.remove_prefix(input.size() - left);
        const bool done = then == Then::finish ? BrotliEncoderIsFinished(state_) : !BrotliEncoderHasMoreOutput(state_);
        return {room.size() - space, done, false};
    }

private:
    static BrotliEncoderOperation operation_of(Then then) noexcept {
        if (then == Then::go_on) return BROTLI_OPERATION_PROCESS;
        return then == Then::flush ? BROTLI_OPERATION_FLUSH : BROTLI_OPERATION_FINISH;
    }

    BrotliEncoderState* const state_;
};

class ZstdWork final : public Encoder::Work {
public:
    explicit ZstdWork(int level) : context_(ZSTD_createCCtx()) {
        if (!context_) throw std::bad_alloc();
        constexpr int kWindowLog = 23;  // what every receiver has room for (RFC 9659)
        ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, std::clamp(level, 1, 19));
        if (level > 18) ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, kWindowLog);
    }
    ~ZstdWork() override { ZSTD_freeCCtx(context_); }
    ZstdWork(const ZstdWork&) = delete;
    ZstdWork& operator=(const ZstdWork&) = delete;

    Step step(std::string_view& input, std::span<char> room, Then then) override {
        ZSTD_inBuffer in{input.data(), input.size(), 0};
        ZSTD_outBuffer out{room.data(), room.size(), 0};
        const std::size_t left = ZSTD_compressStream2(context_, &out, &in, directive_of(then));
        if (ZSTD_isError(left)) return {.failed = true};
        input.remove_prefix(in.pos);
        return {out.pos, then == Then::go_on ? out.pos < out.size : left == 0, false};
    }

private:
    static ZSTD_EndDirective directive_of(Then then) noexcept {
        if (then == Then::go_on) return ZSTD_e_continue;
        return then == Then::flush ? ZSTD_e_flush : ZSTD_e_end;
    }

    ZSTD_CCtx* const context_;
};

std::unique_ptr<Encoder::Work> make_work(Coding coding, int level) {
    const auto or_default = [level](int usual) { return level == Encoder::kDefaultLevel ? usual : level; };
    switch (coding) {
        case Coding::brotli: return std::make_unique<BrotliWork>(or_default(5));
        case Coding::zstd: return std::make_unique<ZstdWork>(or_default(3));
        case Coding::gzip:
        case Coding::deflate: break;
    }
    return std::make_unique<ZlibWork>(coding, or_default(6));
}

}  // namespace

Encoder::Encoder(Coding coding, int level) : work_(make_work(coding, level)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

Result<> Encoder::append(std::string_view bytes, Output& output) {
    if (finished_) return fail(Errc::local_protocol, "bytes behind the end of compressed data");
    return bytes.empty() ? Result<>() : work_->run(bytes, output, Then::go_on);
}

Result<> Encoder::flush(Output& output) {
    if (finished_) return fail(Errc::local_protocol, "a flush behind the end of compressed data");
    return work_->run({}, output, Then::flush);
}

Result<> Encoder::finish(Output& output) {
    if (finished_) return fail(Errc::local_protocol, "compressed data cannot end twice");
    finished_ = true;
    return work_->run({}, output, Then::finish);
}

}  // namespace bine::compression
