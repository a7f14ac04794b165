/* The floor for HTTP: what a server costs that does nothing but the system calls. It finds the end of every request and
 * sends a fixed answer, one send for all that one receive brought; it does not look at what a request says.
 * Usage: floor_http PORT [FILE]. FILE holds the whole answer, head and body; without it there is a built-in one. */
#include "floor.h"
#include "hello.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define DEFAULT_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n"

enum { kMaxAnswer = 65536, kAnswersPerSend = 128 };

/* `matched` is how much of CR LF CR LF the last receive ended with; `owed` answers are not yet sent, `sent` bytes of the first are. */
static struct {
    uint32_t owed;
    uint32_t sent;
    uint8_t matched;
} connections[kMaxConnections];

static char received[kReceiveBytes];
static char* answers;
static size_t answer_size;

static void drop(int fd) {
    memset(&connections[fd], 0, sizeof connections[fd]);
    close(fd);
}

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
 * sixteen places at a time; memmem takes six times the instructions. */
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
    return memmem(data, (size_t)(end - data), "\r\n\r\n", 4);
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

/* Sends what is owed. Returns 1 when nothing is, 0 when the socket is full, -1 when it is lost. */
static int send_owed(int fd) {
    while (connections[fd].owed > 0) {
        const uint32_t batch = connections[fd].owed < kAnswersPerSend ? connections[fd].owed : kAnswersPerSend;
        const size_t wanted = batch * answer_size - connections[fd].sent;
        const ssize_t sent = send(fd, answers + connections[fd].sent, wanted, 0);
        if (sent < 0) return errno == EAGAIN ? 0 : -1;
        const size_t total = connections[fd].sent + (size_t)sent;
        connections[fd].owed -= (uint32_t)(total / answer_size);
        connections[fd].sent = (uint32_t)(total % answer_size);
        if ((size_t)sent < wanted) return 0;
    }
    return 1;
}

static void readable(int fd) {
    const ssize_t size = recv(fd, received, sizeof received, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    connections[fd].owed += count_ends(received, (size_t)size, &connections[fd].matched);
    const int done = send_owed(fd);
    if (done < 0) drop(fd);
    if (done == 0) watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
}

static void writable(int fd) {
    const int done = send_owed(fd);
    if (done < 0) drop(fd);
    if (done > 0) watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static size_t read_answer(const char* path, char* into) {
    FILE* file = fopen(path, "rb");
    require(file != NULL, path);
    const size_t size = fread(into, 1, kMaxAnswer, file);
    require(size > 0, path);
    fclose(file);
    return size;
}

int main(int argc, char** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: floor_http PORT [FILE]\n");
        return 64;
    }
    static char answer[kMaxAnswer] = DEFAULT_HEAD HELLO_BODY;
    answer_size = argc > 2 ? read_answer(argv[2], answer) : strlen(answer);
    answers = malloc(kAnswersPerSend * answer_size);
    require(answers != NULL, "malloc");
    for (size_t i = 0; i < kAnswersPerSend; ++i) memcpy(answers + i * answer_size, answer, answer_size);
    serve(atoi(argv[1]), readable, writable);
}
