/* libcurl's multi interface the way that it is fastest: curl_multi_socket_action on an epoll set, easy handles that are used
   again and keep their connections. Speaks as bench/bine_client.cpp does. Usage: curl_client PORT CONNECTIONS */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "hello.h"

enum { kMost = 1024, kBody = 64 };

struct asker {
    CURL* easy;
    char body[kBody];
    size_t size;
};

static struct asker askers[kMost];
static CURLM* multi;
static int epoll;
static long timeout_ms = -1;

static void fail(const char* what) {
    fprintf(stderr, "curl_client: %s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t take(char* bytes, size_t one, size_t count, void* user) {
    struct asker* asker = user;
    if (asker->size + one * count > kBody) return 0;
    memcpy(asker->body + asker->size, bytes, one * count);
    asker->size += one * count;
    return one * count;
}

/* `known` is set once the set has the socket. */
static int watch(CURL* easy, curl_socket_t fd, int what, void* user, void* known) {
    struct epoll_event event = {.data.fd = fd};
    (void)easy, (void)user;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = ((what & CURL_POLL_IN) ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0u);
    epoll_ctl(epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (!known) curl_multi_assign(multi, fd, &epoll);
    return 0;
}

static int set_timeout(CURLM* of, long milliseconds, void* user) {
    (void)of, (void)user;
    timeout_ms = milliseconds;
    return 0;
}

static void check(struct asker* asker, CURLcode outcome) {
    long status = 0;
    curl_easy_getinfo(asker->easy, CURLINFO_RESPONSE_CODE, &status);
    if (outcome != CURLE_OK) fail(curl_easy_strerror(outcome));
    if (status != 200 || asker->size != strlen(HELLO_BODY) || memcmp(asker->body, HELLO_BODY, asker->size))
        fail("a wrong answer");
    asker->size = 0;
}

/* Takes the answers that are there; asks again, until `end`. How many answers. */
static unsigned long take_answers(double end, int* under_way) {
    unsigned long answers = 0;
    CURLMsg* message;
    int left;
    while ((message = curl_multi_info_read(multi, &left))) {
        struct asker* asker;
        if (message->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char**)&asker);
        check(asker, message->data.result);
        ++answers;
        curl_multi_remove_handle(multi, asker->easy);
        if (now() < end) {
            curl_multi_add_handle(multi, asker->easy);
        } else {
            --*under_way;
        }
    }
    return answers;
}

static void turn(void) {
    struct epoll_event events[kMost];
    int running;
    const int count = epoll_wait(epoll, events, kMost, (int)timeout_ms);
    for (int i = 0; i < count; ++i) {
        const unsigned seen = events[i].events;
        const int what = ((seen & (EPOLLIN | EPOLLHUP)) ? CURL_CSELECT_IN : 0) |
                         ((seen & EPOLLOUT) ? CURL_CSELECT_OUT : 0) | ((seen & EPOLLERR) ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(multi, events[i].data.fd, what, &running);
    }
    if (timeout_ms == 0 || count == 0) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static void measure(int connections, double seconds) {
    const double start = now();
    unsigned long answers = 0;
    int under_way = connections;
    for (int i = 0; i < connections; ++i) curl_multi_add_handle(multi, askers[i].easy);
    while (under_way > 0) {
        turn();
        answers += take_answers(start + seconds, &under_way);
    }
    printf("{\"operations\": %lu, \"seconds\": %.6f}\n", answers, now() - start);
    fflush(stdout);
}

static void make_asker(struct asker* asker, const char* url) {
    asker->easy = curl_easy_init();
    if (!asker->easy) fail("no memory");
    curl_easy_setopt(asker->easy, CURLOPT_URL, url);
    curl_easy_setopt(asker->easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(asker->easy, CURLOPT_WRITEDATA, asker);
    curl_easy_setopt(asker->easy, CURLOPT_PRIVATE, asker);
    curl_easy_setopt(asker->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(asker->easy, CURLOPT_PROXY, "");
}

int main(int argc, char** argv) {
    const int connections = argc == 3 ? atoi(argv[2]) : 0;
    char url[128];
    double seconds;
    if (connections < 1 || connections > kMost) fail("usage: curl_client PORT CONNECTIONS");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timeout);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    snprintf(url, sizeof url, "http://127.0.0.1:%s" HELLO_PATH, argv[1]);
    for (int i = 0; i < connections; ++i) make_asker(&askers[i], url);
    puts("ready on epoll");
    fflush(stdout);
    while (scanf("%lf", &seconds) == 1) measure(connections, seconds);
    return 0;
}
