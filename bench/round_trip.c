/* How long a cache line takes from one core to another and back, in nanoseconds: the weather of a virtual machine.
 * The fastest of several blocks, so that a thread that lost its core for a while does not count.
 * Usage: round_trip CORE CORE. Prints one number. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kTripsPerBlock = 1000, kBlocks = 20, kStop = -1 };

static const double kSecondsAtMost = 0.5;

static _Alignas(128) atomic_int ball;

static void run_on(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* Gives every odd number back as the next even one. */
static void* answer(void* core) {
    run_on(*(unsigned*)core);
    int seen;
    while ((seen = atomic_load_explicit(&ball, memory_order_acquire)) != kStop) {
        if (seen % 2 != 0) atomic_store_explicit(&ball, seen + 1, memory_order_release);
    }
    return NULL;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double time_block(int* next) {
    const double start = seconds_now();
    for (int i = 0; i < kTripsPerBlock; ++i) {
        atomic_store_explicit(&ball, *next + 1, memory_order_release);
        *next += 2;
        while (atomic_load_explicit(&ball, memory_order_acquire) != *next) {
        }
    }
    return seconds_now() - start;
}

int main(int argc, char** argv) {
    if (argc != 3 || atoi(argv[1]) == atoi(argv[2])) {
        fprintf(stderr, "usage: round_trip CORE CORE (two different ones)\n");
        return 64;
    }
    unsigned partner = (unsigned)atoi(argv[2]);
    run_on((unsigned)atoi(argv[1]));
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, &partner) != 0) return 1;

    const double start = seconds_now();
    int next = 0;
    double best = time_block(&next);
    for (int i = 1; i < kBlocks && seconds_now() - start < kSecondsAtMost; ++i) {
        const double elapsed = time_block(&next);
        if (elapsed < best) best = elapsed;
    }
    atomic_store_explicit(&ball, kStop, memory_order_release);
    pthread_join(thread, NULL);
    printf("%.0f\n", best * 1e9 / (double)kTripsPerBlock);
    return 0;
}
