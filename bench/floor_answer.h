/* What the floors for HTTP do with bytes: they find the end of every request, look at nothing else, and have a fixed answer in
 * memory many times over, so that one send answers all that one receive brought. Include after floor.h. */
#pragma once

#include "hello.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define DEFAULT_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n"

enum { kMaxAnswer = 65536, kAnswersPerSend = 128 };

static char* answers;
static size_t answer_size;
static int close_after_answer;

/* The state of the match after one more byte. */
static uint8_t advance(uint8_t matched, char byte) {
    if (byte == (matched % 2 == 0 ? '\r' : '\n')) return (uint8_t)(matched + 1);
    return byte == '\r' ? 1 : 0;
}

/* Where the match stands at the end of `data`, which holds no whole terminator that ends after `data`. */
static uint8_t match_at_end(const char* data, size_t size) {
    uint8_t matched = 0;
    for (size_t i = size > 3 ? size - 3 : 0; i < size; ++i) matched = advance(matched, data[i]);
    return matched;
}

#ifdef __SSE2__
static __m128i load(const char* data) {
    __m128i bytes;
    memcpy(&bytes, data, sizeof bytes);
    return bytes;
}
#endif

/* The first CR LF CR LF between `data` and `end`, or null. A floor must not be beaten at this either, so it looks at
 * sixteen places at a time. */
static const char* find_end(const char* data, const char* end) {
#ifdef __SSE2__
    const __m128i cr = _mm_set1_epi8('\r');
    for (; end - data >= 18; data += 16) {
        const __m128i first = load(data);
        const __m128i third = load(data + 2);
        const __m128i both = _mm_and_si128(_mm_cmpeq_epi8(first, cr), _mm_cmpeq_epi8(third, cr));
        for (unsigned mask = (unsigned)_mm_movemask_epi8(both); mask != 0; mask &= mask - 1) {
            const char* candidate = data + __builtin_ctz(mask);
            if (end - candidate >= 4 && memcmp(candidate, "\r\n\r\n", 4) == 0) return candidate;
        }
    }
#endif
    for (; end - data >= 4; ++data) {
        if (data[3] == '\n' && memcmp(data, "\r\n\r\n", 4) == 0) return data;
    }
    return NULL;
}

static uint32_t count_ends(const char* data, size_t size, uint8_t* matched) {
    uint32_t ends = 0;
    const char* const end = data + size;
    while (*matched > 0 && data < end) {
        *matched = advance(*matched, *data++);
        if (*matched == 4) {
            *matched = 0;
            ++ends;
        }
    }
    const char* found;
    while ((found = find_end(data, end)) != NULL) {
        ++ends;
        data = found + 4;
    }
    if (data < end) *matched = match_at_end(data, (size_t)(end - data));
    return ends;
}

static size_t read_answer(const char* path, char* into) {
    FILE* file = fopen(path, "rb");
    require(file != NULL, path);
    const size_t size = fread(into, 1, kMaxAnswer, file);
    require(size > 0, path);
    fclose(file);
    return size;
}

/* PORT [FILE [close]]. FILE holds the whole answer, head and body; without it there is a built-in one. close: each connection ends
 * behind its answer. Returns the port. */
static int take_arguments(int argc, char** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s PORT [FILE [close]]\n", argv[0]);
        exit(64);
    }
    static char answer[kMaxAnswer] = DEFAULT_HEAD HELLO_BODY;
    answer_size = argc > 2 ? read_answer(argv[2], answer) : strlen(answer);
    close_after_answer = argc > 3 && strcmp(argv[3], "close") == 0;
    answers = malloc(kAnswersPerSend * answer_size);
    require(answers != NULL, "malloc");
    for (size_t i = 0; i < kAnswersPerSend; ++i) memcpy(answers + i * answer_size, answer, answer_size);
    return atoi(argv[1]);
}
