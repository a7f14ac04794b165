// Scanning within a line, sixteen bytes at a time where the processor can. Inner part of the parsers; inline, because a
// request is little else.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bine/wire/http1/characters.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bine::http1 {

inline const char* skip(CharacterClass wanted, const char* at, const char* end) noexcept {
    while (at != end && is(wanted, *at)) ++at;
    return at;
}

#if defined(__SSE2__)
inline __m128i at_most(__m128i bytes, char limit) noexcept {
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(limit)), bytes);
}

// A bit for each of sixteen bytes: letters, digits and dashes, as nearly all names are made of.
inline unsigned common_in_names(const char* at) noexcept {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i letter = at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 25);
    const __m128i digit = at_most(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), 9);
    const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash)));
}

// A bit for each of sixteen bytes: from 0x20 to 0x7e. A value may hold some others too, tab and those from 0x80.
inline unsigned plain_in_values(__m128i bytes) noexcept {
    const __m128i plain = _mm_cmpgt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(1)), _mm_set1_epi8(0x20));
    return static_cast<unsigned>(_mm_movemask_epi8(plain));
}

inline const char* skip_name(const char* at, const char* end) noexcept {
    for (; end - at >= 16; at += 16) {
        const unsigned common = common_in_names(at);
        if (common != 0xffff) return skip(kToken, at + std::countr_one(common), end);
    }
    return skip(kToken, at, end);
}

inline const char* skip_value(const char* at, const char* end) noexcept {
    for (; end - at >= 16; at += 16) {
        const unsigned plain = plain_in_values(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
        if (plain != 0xffff) return skip(kValue, at + std::countr_one(plain), end);
    }
    return skip(kValue, at, end);
}

// The colons and the odd bytes of a head, found 64 bytes at a time, whatever lies among them. Goes forward only.
//
// Theory: a server that reads a head waits for the place of the next line, which hangs on the length of this one, and not
// for instructions. Here all that a place hangs on is a few counted bits: the bytes are compared before.
class Marks {
public:
    Marks(const char* at, const char* end) noexcept : block_(at), end_(end), marks_(marks_from(at)) {}

    // From `at` on, or the end.
    [[gnu::always_inline]] const char* find_colon(const char* at) noexcept { return find<&Block::colons>(at); }
    [[gnu::always_inline]] const char* find_odd(const char* at) noexcept { return find<&Block::odd>(at); }

private:
    static constexpr std::ptrdiff_t kBlock = 64;

    // A bit a byte.
    struct Block {
        uint64_t colons = 0;
        uint64_t odd = 0;
    };

    template <uint64_t Block::* kind>
    [[gnu::always_inline]] const char* find(const char* at) noexcept {
        if (at - block_ >= kBlock) move_to(at);
        if (const uint64_t found = marks_.*kind >> (at - block_); found != 0) return at + std::countr_zero(found);
        while (end_ - block_ > kBlock) {
            move_to(block_ + kBlock);
            if (const uint64_t found = marks_.*kind; found != 0) return block_ + std::countr_zero(found);
        }
        return end_;
    }
    [[gnu::always_inline]] void move_to(const char* at) noexcept {
        block_ = at;
        marks_ = marks_from(at);
    }

    [[gnu::always_inline]] Block marks_from(const char* at) const noexcept {
        return end_ - at >= kBlock ? marks_of(at) : marks_of_last(at, static_cast<std::size_t>(end_ - at));
    }
    [[gnu::always_inline]] static Block marks_of(const char* block) noexcept {
        Block marks;
        uint64_t plain = 0;
#pragma GCC unroll 4
        for (int i = 0; i < kBlock; i += 16) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
            const auto colons = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(':')));
            marks.colons |= uint64_t{static_cast<unsigned>(colons)} << i;
            plain |= uint64_t{plain_in_values(bytes)} << i;
        }
        marks.odd = ~plain;
        return marks;
    }
    [[gnu::noinline]] static Block marks_of_last(const char* at, std::size_t size) noexcept {
        char block[kBlock] = {};
        std::memcpy(block, at, size);
        const uint64_t there = (uint64_t{1} << size) - 1;
        const Block marks = marks_of(block);
        return {marks.colons & there, marks.odd & there};
    }

    const char* block_;
    const char* const end_;
    Block marks_;
};
#else
inline const char* skip_name(const char* at, const char* end) noexcept { return skip(kToken, at, end); }
inline const char* skip_value(const char* at, const char* end) noexcept { return skip(kValue, at, end); }
#endif

}  // namespace bine::http1
