// Scanning within a line, sixteen bytes at a time where the processor can. Inner part of the parsers; inline, because a
// request is little else.
#pragma once

#include <bit>

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

// Stops at what is no token, and perhaps at what is a rare one: the table goes on from there.
inline const char* skip_name(const char* at, const char* end) noexcept {
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        const __m128i letter = at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 25);
        const __m128i digit = at_most(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), 9);
        const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        const int common = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash));
        if (common == 0xffff) continue;
        at += std::countr_one(static_cast<unsigned>(common));
        return *at == ':' ? at : skip(kToken, at, end);
    }
    return skip(kToken, at, end);
}

// One comparison finds what is below 0x20 or above 0x7e; among that, the table knows tab and the bytes from 0x80.
inline const char* skip_value(const char* at, const char* end) noexcept {
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i odd = _mm_cmplt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(1)), _mm_set1_epi8(0x21));
        const int found = _mm_movemask_epi8(odd);
        if (found == 0) continue;
        at += std::countr_zero(static_cast<unsigned>(found));
        return *at == '\r' ? at : skip(kValue, at, end);
    }
    return skip(kValue, at, end);
}
#else
inline const char* skip_name(const char* at, const char* end) noexcept { return skip(kToken, at, end); }
inline const char* skip_value(const char* at, const char* end) noexcept { return skip(kValue, at, end); }
#endif

}  // namespace bine::http1
