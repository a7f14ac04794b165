#include "bine/app/console.h"

#include <unistd.h>

#include <cerrno>
#include <string>

namespace bine::app {

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(fd, text.data(), text.size());
        if (count < 0 && errno != EINTR) return false;
        if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

ExitCode complain(std::string_view text, ExitCode code) {
    std::string line(text);
    write_all(STDERR_FILENO, line += '\n');
    return code;
}

}  // namespace bine::app
