// A part of a test in a process of its own, for what concerns a whole process: exit codes, signals, standard input.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "tests/net/scene.h"

namespace bine::testing {

class Child {
public:
    // `run(say)` is what the child does; say(text) reaches told() here. What it returns is the exit code.
    template <class F>
    explicit Child(F run) {
        std::fflush(nullptr);  // or the child may print again what waits in this process's buffers
        pid_ = ::fork();
        if (pid_ != 0) {
            pipe_.write.reset();
            return;
        }
        ::alarm(30);
        // Out of the way of descriptors that a test wants for itself.
        const int out = ::fcntl(pipe_.write.get(), F_DUPFD_CLOEXEC, 200);
        const auto say = [out](std::string_view text) {
            [[maybe_unused]] const auto count = ::write(out, text.data(), text.size());
        };
        log::set_sink([say](const log::Record& record) { say("log: " + log::to_line(record) + "\n"); });
        ::_exit(run(say));
    }
    ~Child() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        wait();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Blocks until the child has said this, or has ended.
    bool says(std::string_view text) {
        while (told_.find(text) == std::string::npos) {
            if (!read_more()) return false;
        }
        return true;
    }
    // All it ever said; blocks until it has ended.
    const std::string& told() {
        while (read_more()) {
        }
        return told_;
    }
    void signal(int number) { ::kill(pid_, number); }
    // The exit code, or minus the signal that ended it.
    int wait() {
        int status = 0;
        ::waitpid(std::exchange(pid_, 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    bool read_more() {
        std::array<char, 4096> buffer;
        const auto count = ::read(pipe_.read.get(), buffer.data(), buffer.size());
        if (count > 0) told_.append(buffer.data(), static_cast<std::size_t>(count));
        return count > 0;
    }

    Pipe pipe_;
    pid_t pid_ = 0;
    std::string told_;
};

}  // namespace bine::testing
