// Scanning within a line, sixteen bytes at a time where the processor can. Inner part of the parsers; inline, because a
// request is little else.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

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
inline unsigned common_in_names(__m128i bytes) noexcept {
    const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i letter = at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 25);
    const __m128i digit = at_most(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), 9);
    const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash)));
}
inline unsigned common_in_names(const char* at) noexcept {
    return common_in_names(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

// Letters, digits, dashes and dots, as nearly all hosts are made of; false for a text that is too short or too long for this.
inline bool is_common_host(std::string_view text) noexcept {
    if (text.size() < 8 || text.size() > 16) return false;
    int64_t ends[2];
    std::memcpy(&ends[0], text.data(), 8);
    std::memcpy(&ends[1], text.data() + text.size() - 8, 8);
    const __m128i bytes = _mm_set_epi64x(ends[1], ends[0]);
    const unsigned dots = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.'))));
    return (common_in_names(bytes) | dots) == 0xffff;
}

// A bit for each of sixteen bytes: from 0x20 to 0x7e. A value may hold some others too, tab and those from 0x80.
inline unsigned plain_in_values(__m128i bytes) noexcept {
    const __m128i plain = _mm_cmpgt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(1)), _mm_set1_epi8(0x20));
    return static_cast<unsigned>(_mm_movemask_epi8(plain));
}

// A bit for each of sixteen bytes: the visible ones but '#' and '?'.
inline unsigned plain_in_paths(__m128i bytes) noexcept {
    const __m128i visible = _mm_cmpgt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(1)), _mm_set1_epi8(0x21));
    const __m128i others =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('#')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('?')));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_andnot_si128(others, visible)));
}

inline const char* skip_path(const char* at, const char* end) noexcept {
    for (; end - at >= 16; at += 16) {
        const unsigned plain = plain_in_paths(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
        if (plain != 0xffff) return at + std::countr_one(plain);
    }
    return skip(kPath, at, end);
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
#else
inline bool is_common_host(std::string_view) noexcept { return false; }
inline const char* skip_path(const char* at, const char* end) noexcept { return skip(kPath, at, end); }
inline const char* skip_name(const char* at, const char* end) noexcept { return skip(kToken, at, end); }
inline const char* skip_value(const char* at, const char* end) noexcept { return skip(kValue, at, end); }
#endif

}  // namespace bine::http1
