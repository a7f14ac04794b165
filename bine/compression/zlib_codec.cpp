// gzip (RFC 1952) and deflate, which servers send as zlib streams (RFC 1950, what the name means) and as raw ones (RFC 1951).
#define ZLIB_CONST  // zlib then takes input that it may not write to
#include <zlib.h>

#include <algorithm>
#include <climits>
#include <new>
#include <string>

#include "bine/compression/codec.h"

namespace bine::compression {

namespace {

constexpr int kWindowBits = MAX_WBITS;
constexpr int kGzip = 16;  // added to the window bits, says zlib.h

class ZlibCodec final : public Codec {
public:
    ZlibCodec(Coding coding, bool ignore_trailing) : coding_(coding), ignore_trailing_(ignore_trailing) {
        const int bits = coding == Coding::gzip ? kWindowBits + kGzip : kWindowBits;
        if (inflateInit2(&stream_, bits) != Z_OK) throw std::bad_alloc();
    }
    ~ZlibCodec() override { inflateEnd(&stream_); }
    ZlibCodec(const ZlibCodec&) = delete;
    ZlibCodec& operator=(const ZlibCodec&) = delete;

    Result<std::size_t> decode(std::string_view& input, std::span<char> room) override {
        std::size_t written = 0;
        while (written == 0 && (state_ == State::running || !input.empty())) {
            if (state_ == State::ended && !begins_member(input)) state_ = State::trailing;
            if (state_ == State::trailing) return handle_trailing(coding_, ignore_trailing_, input);
            if (state_ != State::running) begin(input);
            Result<std::size_t> step = inflate_once(input, room);
            if (!step) return step;
            written = *step;
            if (input.empty()) break;
        }
        return written;
    }

    bool whole() const noexcept override { return state_ != State::running; }

private:
    enum class State : uint8_t { fresh, running, ended, trailing };

    bool begins_member(std::string_view input) const noexcept {
        return coding_ == Coding::gzip && input.front() == '\x1f';
    }

    // A zlib stream begins with a byte whose low half is 8. A raw one would do so only with a stored block and bits set in
    // its padding, which no encoder writes: the first byte is enough to tell them apart.
    void begin(std::string_view input) noexcept {
        const bool raw = coding_ == Coding::deflate && (input.front() & 0x0f) != 8;
        if (raw) {
            inflateReset2(&stream_, -kWindowBits);
        } else if (state_ == State::ended) {
            inflateReset(&stream_);
        }
        state_ = State::running;
    }

    Result<std::size_t> inflate_once(std::string_view& input, std::span<char> room) {
        stream_.next_in = reinterpret_cast<const Bytef*>(input.data());
        stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(input.size(), UINT_MAX));
        stream_.next_out = reinterpret_cast<Bytef*>(room.data());
        stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(room.size(), UINT_MAX));
        const uInt given = stream_.avail_in;
        const uInt space = stream_.avail_out;
        const int answer = inflate(&stream_, Z_NO_FLUSH);
        input.remove_prefix(given - stream_.avail_in);
        const std::size_t written = space - stream_.avail_out;
        if (answer == Z_DATA_ERROR && written > 0) return written;  // it is answered again
        if (answer == Z_STREAM_END) {
            state_ = State::ended;
        } else if (answer == Z_MEM_ERROR) {
            return fail(Error::out_of_memory());
        } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
            return fail(Errc::remote_protocol, complaint(answer));
        }
        return written;
    }

    std::string complaint(int answer) const {
        const char* why = answer == Z_NEED_DICT ? "it wants a dictionary" : stream_.msg;
        return "the " + std::string(name_of(coding_)) + " data is broken: " + (why ? why : "no reason known");
    }

    const Coding coding_;
    const bool ignore_trailing_;
    State state_ = State::fresh;
    z_stream stream_{};
};

}  // namespace

std::unique_ptr<Codec> make_zlib_codec(Coding coding, bool ignore_trailing) {
    return std::make_unique<ZlibCodec>(coding, ignore_trailing);
}

}  // namespace bine::compression
