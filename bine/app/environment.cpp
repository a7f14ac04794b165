#include "bine/app/environment.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/Version.hpp>
#include <fstream>

#include "bine/app/processors.h"
#include "bine/app/reactor_choice.h"
#include "bine/app/settings.h"
#include "bine/base/descriptor.h"
#include "bine/base/version.h"
#include "bine/driver/drivers.h"

namespace bine::app {

namespace {

constexpr std::size_t kColumn = 14;

class Table {
public:
    void row(std::string_view key, std::string_view value) {
        text_ += key;
        text_.append(key.size() < kColumn ? kColumn - key.size() : 1, ' ');
        (text_ += value) += '\n';
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

std::string first_line(const char* path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::string compiler() {
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

std::string build_kind() {
    std::string kind;
#if defined(BINE_DEBUG)
    kind += "with bine's debug assertions";
#else
    kind += "without debug assertions";
#endif
#if defined(__SANITIZE_ADDRESS__)
    kind += ", AddressSanitizer";
#endif
#if defined(__SANITIZE_THREAD__)
    kind += ", ThreadSanitizer";
#endif
    return kind;
}

std::string io_uring_verdict() {
    const auto made = make_uring_driver("to see whether it can be had");
    if (made) return "works here";
    const std::string disabled = first_line("/proc/sys/kernel/io_uring_disabled");
    return "cannot be had: " + made.error().text() + (disabled.empty() ? "" : "; kernel.io_uring_disabled=" + disabled);
}

std::string descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const auto text = [](rlim_t value) { return value == RLIM_INFINITY ? "unlimited" : std::to_string(value); };
    return text(limit.rlim_cur) + " open descriptors (hard limit " + text(limit.rlim_max) + ")";
}

std::string kernel() {
    utsname about{};
    ::uname(&about);
    return std::string(about.sysname) + " " + about.release + " " + about.machine;
}

}  // namespace

std::string describe_environment(const Settings& settings) {
    const auto reactor = make_reactor(settings);
    Table table;
    table.row("bine", version());
    table.row("driver", std::string(reactor->driver_name()) + ": " + reactor->driver_reason());
    table.row("io_uring", io_uring_verdict());
    table.row("kernel", kernel());
    const Processors processors = usable_processors();
    table.row("processors",
              std::to_string(processors.count) + ", " + processors.reason + "; --workers auto makes as many");
    table.row("limits", descriptor_limit());
    table.row("backlog", "at most " + first_line("/proc/sys/net/core/somaxconn") + " connections wait to be accepted");
    table.row("compiler", compiler());
    table.row("build", build_kind());
    table.row("libraries", std::string("glibc ") + gnu_get_libc_version() + ", libstdc++ of " +
                               std::to_string(__GLIBCXX__) + ", CLI11 " CLI11_VERSION);
    return table.take();
}

void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void fill_standard_descriptors() noexcept {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
        // The lowest free number, which is this one. Kept for the whole run.
        [[maybe_unused]] const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    }
}

}  // namespace bine::app
