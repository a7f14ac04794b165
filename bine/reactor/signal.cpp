// Theory: the handler may do almost nothing, so it writes to an eventfd for each watch of its signal. The table of those is
// of atomics; changing it is guarded by a mutex that the handler never takes.
#include "bine/reactor/signal.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>

namespace bine {

namespace {

constexpr std::size_t kWatchesPerSignal = 16;

struct Watched {
    std::array<std::atomic<int>, kWatchesPerSignal> events;  // descriptor + 1, so that zero is free
    int count = 0;
    struct sigaction before{};
};

std::array<Watched, NSIG> watched;
std::mutex watched_mutex;

void on_signal(int number) {
    const int error = errno;
    for (const std::atomic<int>& event : watched[static_cast<std::size_t>(number)].events) {
        const int fd = event.load(std::memory_order_acquire) - 1;
        const uint64_t one = 1;
        if (fd >= 0) [[maybe_unused]]
            const auto ignored = ::write(fd, &one, sizeof one);
    }
    errno = error;
}

void install(int number, Watched& entry) {
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    if (::sigaction(number, &action, &entry.before) != 0) {
        throw Error::from_errno(errno, "watch signal " + std::to_string(number));
    }
}

void enter(int number, int fd) {
    if (number <= 0 || number >= NSIG)
        throw Error(Errc::invalid_argument, "there is no signal " + std::to_string(number));
    const std::lock_guard lock(watched_mutex);
    Watched& entry = watched[static_cast<std::size_t>(number)];
    for (std::atomic<int>& event : entry.events) {
        if (event.load(std::memory_order_relaxed) != 0) continue;
        if (entry.count == 0) install(number, entry);
        ++entry.count;
        event.store(fd + 1, std::memory_order_release);
        return;
    }
    throw Error(Errc::limit_exceeded, "too many watches of signal " + std::to_string(number));
}

void leave(int number, int fd) noexcept {
    const std::lock_guard lock(watched_mutex);
    Watched& entry = watched[static_cast<std::size_t>(number)];
    for (std::atomic<int>& event : entry.events) {
        if (event.load(std::memory_order_relaxed) == fd + 1) event.store(0, std::memory_order_release);
    }
    if (--entry.count == 0) ::sigaction(number, &entry.before, nullptr);
}

Descriptor make_event(int signal) {
    Descriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) throw Error::from_errno(errno, "watch signal " + std::to_string(signal));
    return event;
}

}  // namespace

SignalWatch::SignalWatch(Reactor& reactor, int signal, Function<void()> callback)
    : signal_(signal),
      event_(make_event(signal)),
      watch_(reactor, event_.get(), true, false,
             [fd = event_.get(), callback = std::move(callback)](bool, bool) mutable {
                 uint64_t ignored = 0;
                 [[maybe_unused]] const auto count = ::read(fd, &ignored, sizeof ignored);
                 callback();
             }) {
    enter(signal, event_.get());
}

SignalWatch::~SignalWatch() { leave(signal_, event_.get()); }

}  // namespace bine
