// Child processes: started, talked to through pipes, waited for without a thread and without SIGCHLD (pidfd).
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/base/descriptor.h"
#include "bine/base/result.h"
#include "bine/base/time.h"

namespace bine {

class Reactor;

struct ExitStatus {
    int code = 0;    // what the process returned, when it ended by itself
    int signal = 0;  // what killed it, or 0

    bool success() const noexcept { return code == 0 && signal == 0; }
    // "exited with 3", "killed by signal 9 (Killed)".
    std::string to_string() const;
};

class Process {
public:
    enum class Stdio : uint8_t { inherit, null, pipe };

    struct Options {
        Options() = default;
        explicit Options(std::vector<std::string> words) : arguments(std::move(words)) {}

        std::vector<std::string> arguments;  // the first is the program, looked for in PATH when it has no slash
        std::optional<std::vector<std::string>> environment;  // "NAME=value"; absent: this process's
        std::string directory;                                // empty: this process's
        Stdio input = Stdio::null;
        Stdio output = Stdio::inherit;
        Stdio error = Stdio::inherit;
    };

    // Errors: those of the system (no such program, too many processes).
    static Result<Process> spawn(Reactor& reactor, const Options& options);
    Process(Process&&) noexcept;
    Process& operator=(Process&&) noexcept;
    // A process that still runs is killed, and waited for.
    ~Process();

    pid_t pid() const noexcept;
    bool running() const noexcept;

    // Our ends of the pipes, once each: write to input, read from output and error. Empty when there is no pipe.
    Descriptor take_input() noexcept;
    Descriptor take_output() noexcept;
    Descriptor take_error() noexcept;

    // Ends when the process has; any number may wait. Output may still be in the pipes.
    Deferred<ExitStatus> exited();
    // Errors: closed when it has ended already.
    Result<> signal(int number);
    // Asks it to end with SIGTERM and kills it when it has not after `grace`.
    Deferred<ExitStatus> stop(Duration grace);

private:
    struct State;
    explicit Process(std::unique_ptr<State> state) noexcept;

    std::unique_ptr<State> state_;
};

}  // namespace bine
