#include "bine/compression/decoder.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include <algorithm>
#include <string>

#include "bine/compression/encoder.h"

using namespace bine;
using namespace bine::compression;
using namespace std::literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BINE_SANITIZED 1
#endif
#endif

namespace {

struct Outcome {
    std::string bytes;
    std::error_code code;
    std::string text;

    bool is(Errc expected) const { return code == make_error_code(expected); }
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// How much of broken data comes before its error may differ.
bool same_outcome(const Outcome& a, const Outcome& b) {
    const bool prefix = a.bytes.starts_with(b.bytes) || b.bytes.starts_with(a.bytes);
    if (a.is(Errc::remote_protocol)) return b.is(Errc::remote_protocol) && prefix && a.text == b.text;
    return a == b;
}

// Feeds `input` in pieces of `size` bytes; each stands in memory of its own.
Outcome decode(Decoder& decoder, std::string_view input, std::size_t size) {
    Outcome outcome;
    for (std::size_t at = 0; at < input.size(); at += size) {
        const std::string piece(input.substr(at, size));
        for (std::string_view rest = piece;;) {
            const Result<std::string_view> bytes = decoder.next(rest);
            if (!bytes) {
                CHECK_FALSE(decoder.end());
                CHECK_FALSE(decoder.next(rest));
                return {outcome.bytes, bytes.error().code(), bytes.error().text()};
            }
            if (bytes->empty()) {
                CHECK(rest.empty());
                break;
            }
            outcome.bytes += *bytes;
        }
    }
    if (const Result<> ended = decoder.end(); !ended) {
        outcome.code = ended.error().code();
        outcome.text = ended.error().text();
    }
    return outcome;
}

Outcome decode_whole(std::string_view encoding, std::string_view input, Decoder::Options options = {}) {
    Decoder decoder = Decoder::make(encoding, options).value();
    return decode(decoder, input, std::max<std::size_t>(input.size(), 1));
}

// However the bytes are cut, the outcome is the same.
Outcome decoded(std::string_view encoding, std::string_view input, Decoder::Options options = {}) {
    const Outcome whole = decode_whole(encoding, input, options);
    for (const std::size_t size : {1u, 2u, 3u, 7u, 100u, 1000u}) {
        Decoder decoder = Decoder::make(encoding, options).value();
        CAPTURE(size);
        const bool same = same_outcome(decode(decoder, input, size), whole);
        CHECK(same);
    }
    for (std::size_t cut = 1; cut < std::min<std::size_t>(input.size(), 300); ++cut) {
        Decoder decoder = Decoder::make(encoding, options).value();
        const std::string front(input.substr(0, cut));
        std::string bytes;
        std::string_view rest = front;
        Result<std::string_view> piece = decoder.next(rest);
        for (; piece && !piece->empty(); piece = decoder.next(rest)) bytes += *piece;
        if (!piece) continue;
        Outcome outcome = decode(decoder, input.substr(cut), input.size());
        outcome.bytes.insert(0, bytes);
        const bool same = same_outcome(outcome, whole);
        CAPTURE(cut);
        CHECK(same);
    }
    return whole;
}

std::string encoded(Coding coding, std::string_view bytes, int level = Encoder::kDefaultLevel) {
    Encoder encoder(coding, level);
    Output output;
    REQUIRE(encoder.append(bytes, output));
    REQUIRE(encoder.finish(output));
    return output.to_string();
}

std::string text_of(std::size_t size) {
    std::string text;
    for (unsigned state = 7; text.size() < size;) {
        state = state * 1103515245 + 12345;
        text += "line " + std::to_string(state >> 20) + " of a text\n";
    }
    text.resize(size);
    return text;
}

const std::vector kAll = {Coding::gzip, Coding::deflate, Coding::brotli, Coding::zstd};

// A raw deflate stream of one stored block.
std::string stored(std::string_view bytes) {
    const auto size = static_cast<unsigned>(bytes.size());
    std::string block = "\x01"s;
    for (const unsigned number : {size, ~size}) {
        block += static_cast<char>(number & 255);
        block += static_cast<char>(number >> 8 & 255);
    }
    return block + std::string(bytes);
}

}  // namespace

TEST_CASE("what each coding compresses comes back, however it is cut") {
    for (const Coding coding : kAll) {
        CAPTURE(name_of(coding));
        for (const std::size_t size : {0u, 1u, 5u, 1000u, 70000u}) {
            const std::string text = text_of(size);
            const Outcome outcome = decoded(name_of(coding), encoded(coding, text));
            CHECK(outcome.text == "");
            const bool same = outcome.bytes == text;
            CHECK(same);
        }
    }
}

TEST_CASE("known streams of other programs are read") {
    // What gzip(1), zlib, brotli(1) and zstd(1) wrote of "hello hello hello\n" and the like.
    CHECK(decoded("gzip", "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\0\x20\x30\x3a\x36\x06\0\0\0"s) ==
          Outcome{"hello\n", {}, ""});
    CHECK(decoded("br", "\x0b\x02\x80\x68\x65\x6c\x6c\x6f\x03"s) == Outcome{"hello", {}, ""});
    CHECK(decoded("zstd", "\x28\xb5\x2f\xfd\x20\x05\x29\0\0\x68\x65\x6c\x6c\x6f"s) == Outcome{"hello", {}, ""});
}

TEST_CASE("gzip members and zstd frames may follow each other") {
    const std::string gzip = encoded(Coding::gzip, "one,") + encoded(Coding::gzip, "") + encoded(Coding::gzip, "two");
    CHECK(decoded("gzip", gzip) == Outcome{"one,two", {}, ""});
    const std::string skippable = "\x50\x2a\x4d\x18\x03\0\0\0abc"s;
    const std::string zstd = encoded(Coding::zstd, "one,") + skippable + encoded(Coding::zstd, "two");
    CHECK(decoded("zstd", zstd) == Outcome{"one,two", {}, ""});
}

TEST_CASE("deflate is a zlib stream or a raw one") {
    CHECK(decoded("deflate", encoded(Coding::deflate, "hello")) == Outcome{"hello", {}, ""});
    CHECK(decoded("deflate", "\xcb\x48\xcd\xc9\xc9\x07\0"s) == Outcome{"hello", {}, ""});
    CHECK(decoded("deflate", stored("hello")) == Outcome{"hello", {}, ""});
}

TEST_CASE("codings are undone in the opposite order") {
    const std::string text = text_of(5000);
    const std::string once = encoded(Coding::brotli, encoded(Coding::gzip, text));
    const Outcome outcome = decoded("gzip, br", once);
    CHECK(outcome.text == "");
    const bool same = outcome.bytes == text;
    CHECK(same);
    CHECK(decoded("br, gzip", once).is(Errc::remote_protocol));

    std::string all = text;
    for (const Coding coding : kAll) all = encoded(coding, all);
    CHECK(decoded("gzip, deflate, br, zstd", all).bytes.size() == text.size());
}

TEST_CASE("no coding hands on what comes") {
    CHECK(decoded("", "abc") == Outcome{"abc", {}, ""});
    CHECK(decoded("identity", "abc") == Outcome{"abc", {}, ""});
}

TEST_CASE("an empty body is an empty body, whatever its coding") {
    for (const Coding coding : kAll) CHECK(decoded(name_of(coding), "") == Outcome{});
}

TEST_CASE("data that is cut short is told from data that is broken") {
    for (const Coding coding : kAll) {
        CAPTURE(name_of(coding));
        const std::string whole = encoded(coding, text_of(3000));
        for (std::size_t size = 1; size < whole.size(); size += 1 + size / 20) {
            const Outcome outcome = decode_whole(name_of(coding), whole.substr(0, size));
            CAPTURE(size);
            CHECK_MESSAGE(outcome.is(Errc::end_of_stream), outcome.text);
        }
        const Outcome garbage = decoded(name_of(coding), "\xff\xff<html>this is not compressed at all</html>");
        CHECK_MESSAGE(garbage.is(Errc::remote_protocol), garbage.text);
        CHECK(garbage.text.find(name_of(coding)) != std::string::npos);
    }
    std::string wrong = encoded(Coding::gzip, "hello");
    wrong[wrong.size() - 8] ^= 1;
    CHECK(decoded("gzip", wrong).text == "the gzip data is broken: incorrect data check");
}

TEST_CASE("bytes behind the end are an error, or are dropped when that is wanted") {
    for (const Coding coding : kAll) {
        CAPTURE(name_of(coding));
        const std::string bytes = encoded(coding, "hello") + "and more than that";
        const Outcome refused = decoded(name_of(coding), bytes);
        CHECK(refused.is(Errc::remote_protocol));
        CHECK(refused.bytes == "hello");
        CHECK(refused.text == "bytes stand behind the end of the " + std::string(name_of(coding)) + " data");
        CHECK(decoded(name_of(coding), bytes, {.ignore_trailing = true}) == Outcome{"hello", {}, ""});
    }
}

TEST_CASE("the bound holds to the byte while the data inflates") {
    const std::string text = text_of(40000);
    for (const Coding coding : kAll) {
        CAPTURE(name_of(coding));
        const std::string bytes = encoded(coding, text);
        const Outcome fits = decoded(name_of(coding), bytes, {.most = 40000});
        CHECK(fits.text == "");
        CHECK(fits.bytes.size() == 40000);
        for (const uint64_t most : {0u, 1u, 16384u, 39999u}) {
            const Outcome refused = decoded(name_of(coding), bytes, {.most = most});
            CHECK(refused.is(Errc::limit_exceeded));
            CHECK(refused.bytes.size() == most);
        }
    }
}

TEST_CASE("the bound holds for every coding of a list") {
    // 40 MB of zeros, twice compressed to a few hundred bytes; the inner text inflates to little.
    const std::string once = encoded(Coding::gzip, std::string(40'000'000, '\0'), 9);
    const std::string twice = encoded(Coding::gzip, once, 9);
    CHECK(twice.size() < 1000);
    const Outcome outcome = decode_whole("gzip, gzip", twice, {.most = 10'000'000, .ratio = 0});
    CHECK(outcome.is(Errc::limit_exceeded));
    CHECK(outcome.bytes.size() == 10'000'000);
    CHECK(decode_whole("gzip, gzip", twice, {.most = 20'000, .ratio = 0}).is(Errc::limit_exceeded));
}

TEST_CASE("what inflates to a hundred times its size is refused, once it is large") {
    for (const Coding coding : kAll) {
        CAPTURE(name_of(coding));
        const std::string bomb = encoded(coding, std::string(8 << 20, '\0'));
        const Outcome outcome = decode_whole(name_of(coding), bomb);
        CHECK(outcome.is(Errc::limit_exceeded));
        CHECK(outcome.text.find("100 times its size") != std::string::npos);
        CHECK(outcome.bytes.size() <= (4 << 20) + 16384);
        CHECK(decode_whole(name_of(coding), bomb, {.ratio = 0}).bytes.size() == 8 << 20);
        CHECK(decode_whole(name_of(coding), encoded(coding, std::string(4 << 20, '\0'))).text == "");
    }
}

#ifndef BINE_SANITIZED
TEST_CASE("a bomb stops at the bound with at most twice its memory") {
    constexpr std::size_t kBound = 12 << 20;
    const auto in_use = [] {
        const struct mallinfo2 info = mallinfo2();
        return info.uordblks + info.hblkhd;
    };
    for (const Coding coding : kAll) {
        CAPTURE(name_of(coding));
        const std::string bomb = encoded(coding, std::string(100 << 20, '\0'));
        CHECK(bomb.size() < (100 << 20) / 1000);
        std::string kept;
        kept.reserve(kBound);
        const std::size_t before = in_use() - kBound;
        std::size_t most = 0;
        Decoder decoder = Decoder::make(name_of(coding), {.most = kBound, .ratio = 0}).value();
        Result<std::string_view> bytes = std::string_view("-");
        for (std::string_view rest = bomb; bytes && !bytes->empty();) {
            bytes = decoder.next(rest);
            if (bytes) kept += *bytes;
            most = std::max(most, in_use() - before);
        }
        REQUIRE_FALSE(bytes);
        CHECK(bytes.error().is(Errc::limit_exceeded));
        CHECK(kept.size() == kBound);
        CHECK(most >= kBound);
        CHECK(most <= 2 * kBound);
    }
}
#endif

TEST_CASE("a zstd window of more than 8 MiB is refused before it is taken") {
    // A frame header alone: no single segment, window descriptor 0x70 (16 MiB).
    const Outcome outcome = decoded("zstd", "\x28\xb5\x2f\xfd\x00\x70\x01\0\0"s);
    CHECK(outcome.is(Errc::limit_exceeded));
    CHECK(outcome.text == "the zstd data wants a window of more than 8 MiB");
    CHECK(decoded("zstd", "\x28\xb5\x2f\xfd\x00\x68\x01\0\0"s) == Outcome{});
}

TEST_CASE("zstd frames from before the standard are refused") {
    for (const char first : {'\x22', '\x23', '\x24', '\x25', '\x26', '\x27'}) {
        CHECK(decoded("zstd", first + "\xb5\x2f\xfd\x00\x01\0\0\0"s).is(Errc::remote_protocol));
        CHECK(decoded("zstd", encoded(Coding::zstd, "x") + first + "\xb5\x2f\xfd\x00\x01\0\0\0"s).text ==
              "bytes stand behind the end of the zstd data");
    }
}

TEST_CASE("the decoder counts what it took and what it gave") {
    Decoder decoder({Coding::gzip});
    const std::string bytes = encoded(Coding::gzip, "hello");
    std::string_view rest = bytes;
    while (!decoder.next(rest)->empty()) {
    }
    CHECK(decoder.taken() == bytes.size());
    CHECK(decoder.given() == 5);
}

TEST_CASE("what was flushed can be read") {
    for (const Coding coding : kAll) {
        CAPTURE(name_of(coding));
        Encoder encoder(coding);
        Decoder decoder({coding});
        std::string read;
        for (int i = 0; i < 20; ++i) {
            Output output;
            REQUIRE(encoder.append("message " + std::to_string(i) + "\n", output));
            REQUIRE(encoder.flush(output));
            const std::string bytes = output.to_string();
            std::string_view rest = bytes;
            read.clear();
            for (auto piece = decoder.next(rest); piece && !piece->empty(); piece = decoder.next(rest)) read += *piece;
            CHECK(read == "message " + std::to_string(i) + "\n");
        }
    }
}

TEST_CASE("an encoder that has finished takes nothing") {
    Encoder encoder(Coding::gzip, 99);
    Output output;
    REQUIRE(encoder.finish(output));
    const auto size = output.size();
    CHECK(encoder.append("x", output).error().is(Errc::local_protocol));
    CHECK(encoder.flush(output).error().is(Errc::local_protocol));
    CHECK(encoder.finish(output).error().is(Errc::local_protocol));
    CHECK(output.size() == size);
}
