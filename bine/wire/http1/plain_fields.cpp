// Theory: a server that reads a head waits for the place of the next line, which hangs on the length of this one, and not
// for instructions. So bytes are compared first, 64 at a time, whatever lies among them; all that a place hangs on then
// is a few counted bits. Whether the processor compares 32 bytes at once, or 16, is asked when the program starts.
#include "bine/wire/http1/plain_fields.h"

#if defined(__x86_64__) && defined(__SSE2__)
#define BINE_VECTORS 1

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "bine/wire/http1/characters.h"
#include "bine/wire/http1/scan.h"
#endif

namespace bine::http1 {

#ifdef BINE_VECTORS

namespace {

constexpr std::ptrdiff_t kBlock = 64;

// Of the bytes of a block, a bit each: what ends a name (perhaps also what does not), and what a plain value cannot hold.
struct Marks {
    uint64_t no_token;
    uint64_t odd;
};

// Of the first `size` bytes, at most 64.
using Mark = Marks (*)(const char* at, std::ptrdiff_t size) noexcept;

Marks mark_with_sse2(const char* at, std::ptrdiff_t size) noexcept {
    alignas(16) char last[kBlock] = {};
    if (size < kBlock) at = static_cast<const char*>(std::memcpy(last, at, static_cast<std::size_t>(size)));
    Marks marks{};
#pragma GCC unroll 4
    for (int i = 0; i < kBlock; i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + i));
        marks.no_token |= uint64_t{common_in_names(at + i) ^ 0xffff} << i;
        marks.odd |= uint64_t{plain_in_values(bytes) ^ 0xffff} << i;
    }
    return marks;
}

// A token character is one whose bit `high half` is set in the entry of its low half.
constexpr std::array<uint8_t, 16> make_token_table() {
    std::array<uint8_t, 16> table{};
    for (unsigned c = 0; c < 128; ++c) {
        if (is(kToken, static_cast<char>(c))) table[c % 16] |= static_cast<uint8_t>(1u << (c / 16));
    }
    return table;
}

alignas(16) constexpr std::array<uint8_t, 16> kTokens = make_token_table();
alignas(16) constexpr std::array<uint8_t, 16> kHighBits{1, 2, 4, 8, 16, 32, 64, 128};  // none from 0x80 on

#define BINE_AVX2 gnu::target("avx2,bmi,bmi2")

[[BINE_AVX2, gnu::always_inline]] inline __m256i wide(const std::array<uint8_t, 16>& table) noexcept {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table.data())));
}

[[BINE_AVX2, gnu::always_inline]] inline uint64_t bits(__m256i low, __m256i high) noexcept {
    return static_cast<uint32_t>(_mm256_movemask_epi8(low)) |
           uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(high))} << 32;
}

[[BINE_AVX2, gnu::always_inline]] inline __m256i no_token(__m256i bytes) noexcept {
    const __m256i high_halves = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
    const __m256i token = _mm256_and_si256(_mm256_shuffle_epi8(wide(kTokens), bytes),  // 0 from 0x80 on
                                           _mm256_shuffle_epi8(wide(kHighBits), high_halves));
    return _mm256_cmpeq_epi8(token, _mm256_setzero_si256());
}

[[BINE_AVX2, gnu::always_inline]] inline __m256i odd(__m256i bytes) noexcept {
    return _mm256_cmpgt_epi8(_mm256_set1_epi8(0x21), _mm256_add_epi8(bytes, _mm256_set1_epi8(1)));
}

[[BINE_AVX2]] Marks mark_with_avx2(const char* at, std::ptrdiff_t size) noexcept {
    alignas(32) char last[kBlock];
    if (size < kBlock) {
        std::memset(last, 0, kBlock);
        at = static_cast<const char*>(std::memcpy(last, at, static_cast<std::size_t>(size)));
    }
    const auto* const bytes = reinterpret_cast<const __m256i*>(at);
    const __m256i low = _mm256_loadu_si256(bytes);
    const __m256i high = _mm256_loadu_si256(bytes + 1);
    return {bits(no_token(low), no_token(high)), bits(odd(low), odd(high))};
}

bool is_line_end(const char* at) noexcept {
    uint16_t bytes = 0;
    std::memcpy(&bytes, at, sizeof bytes);
    return bytes == 0x0a0d;
}

// Where names and values end. Goes forward only.
template <Mark mark>
class Scanner {
public:
    // at < end.
    Scanner(const char* at, const char* end) noexcept : block_(at), end_(end), marks_(mark(at, end - at)) {}

    // From `at` on; `end` when there is none.
    [[gnu::always_inline]] const char* end_of_name(const char* at) noexcept { return find<&Marks::no_token>(at); }
    [[gnu::always_inline]] const char* end_of_value(const char* at) noexcept { return find<&Marks::odd>(at); }

private:
    template <uint64_t Marks::* kind>
    [[gnu::always_inline]] const char* find(const char* at) noexcept {
        if (at - block_ < kBlock) {
            if (const uint64_t found = marks_.*kind >> (at - block_); found != 0) return at + std::countr_zero(found);
            block_ += kBlock;
        } else {
            block_ = at;
        }
        for (; block_ < end_; block_ += kBlock) {
            marks_ = mark(block_, end_ - block_);
            if (const uint64_t found = marks_.*kind; found != 0)
                return std::min(block_ + std::countr_zero(found), end_);
        }
        return end_;
    }

    const char* block_;
    const char* const end_;
    Marks marks_;
};

template <Mark mark>
[[gnu::always_inline]] inline std::size_t take_with(const char*& from, const char* end,
                                                    std::span<Header> room) noexcept {
    if (from == end) return 0;
    const char* at = from;
    Header* field = room.data();
    Header* const last = field + room.size();
    Scanner<mark> scanner(at, end);
    for (; field != last; ++field) {
        const char* const colon = scanner.end_of_name(at);
        if (colon == end || *colon != ':' || colon == at) break;
        const char* const stop = scanner.end_of_value(colon);
        if (end - stop < 2 || !is_line_end(stop)) break;
        const char* const value = colon + 1 + (colon[1] == ' ' ? 1 : 0);
        if (*value == ' ' || stop[-1] == ' ') break;
        field->name = {at, static_cast<std::size_t>(colon - at)};
        field->value = {value, static_cast<std::size_t>(stop - value)};
        at = stop + 2;
    }
    from = at;
    return static_cast<std::size_t>(field - room.data());
}

[[BINE_AVX2]] std::size_t take_with_avx2(const char*& at, const char* end, std::span<Header> room) noexcept {
    return take_with<mark_with_avx2>(at, end, room);
}

#ifdef BINE_WITHOUT_AVX2
constexpr bool has_avx2 = false;
#else
const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#endif

}  // namespace

std::size_t take_plain_fields(const char*& at, const char* end, std::span<Header> room) noexcept {
    return has_avx2 ? take_with_avx2(at, end, room) : take_with<mark_with_sse2>(at, end, room);
}

#else

std::size_t take_plain_fields(const char*&, const char*, std::span<Header>) noexcept { return 0; }

#endif

}  // namespace bine::http1
