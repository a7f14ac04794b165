// The program's own definitions of these functions go before those of the C library, also for the shared libraries that it
// uses; so a std::chrono clock that somebody reads is caught too.
#include "bine/sim/forbidden.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BINE_SIM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define BINE_SIM_SANITIZED 1
#endif
#endif

namespace bine::sim {

namespace {

thread_local int forbidden = 0;

}  // namespace

RealWorldForbidden::RealWorldForbidden() noexcept { ++forbidden; }
RealWorldForbidden::~RealWorldForbidden() { --forbidden; }

#ifndef BINE_SIM_SANITIZED
namespace {

// Who called is named as the linker knows it; functions without a name there, by their place in the program.
void refuse(const char* what) {
    if (forbidden == 0) return;
    forbidden = 0;
    std::fprintf(
        stderr, "bine: %s() is called in a simulated world, which has a time, a chance and a network of its own. By:\n",
        what);
    std::fflush(stderr);
    void* frames[16];
    const int count = ::backtrace(frames, 16);
    ::backtrace_symbols_fd(frames + 2, count - 2, STDERR_FILENO);
    std::abort();
}

template <class F>
F real(F, const char* name) {
    return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace
#endif

}  // namespace bine::sim

#ifndef BINE_SIM_SANITIZED
extern "C" {

int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
    bine::sim::refuse("clock_gettime");
    static auto* const real = bine::sim::real(&::clock_gettime, "clock_gettime");
    return real(clock, time);
}

ssize_t getrandom(void* buffer, size_t size, unsigned flags) {
    bine::sim::refuse("getrandom");
    static auto* const real = bine::sim::real(&::getrandom, "getrandom");
    return real(buffer, size, flags);
}

int socket(int domain, int type, int protocol) noexcept {
    bine::sim::refuse("socket");
    static auto* const real = bine::sim::real(&::socket, "socket");
    return real(domain, type, protocol);
}
}
#endif
