#include "bine/reactor/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bine/reactor/watch.h"

extern char** environ;

namespace bine {

namespace {

// What the child's standard descriptor becomes, and our end of it.
struct Channel {
    Descriptor ours;
    Descriptor theirs;
};

// posix_spawn's two argument objects, destroyed with it.
struct Plan {
    Plan() {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
        sigset_t none;
        sigemptyset(&none);
        sigset_t defaults;
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);  // the reactor ignores it; children start as they would from a shell
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setsigdefault(&attributes, &defaults);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    ~Plan() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

Result<Channel> open_channel(Process::Stdio kind, int number, Plan& plan) {
    Channel channel;
    if (kind == Process::Stdio::null) {
        ::posix_spawn_file_actions_addopen(&plan.actions, number, "/dev/null", number == 0 ? O_RDONLY : O_WRONLY, 0);
    } else if (kind == Process::Stdio::pipe) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Error::from_errno(errno, "make a pipe"));
        Descriptor read(ends[0]);
        Descriptor write(ends[1]);
        channel = number == 0 ? Channel{std::move(write), std::move(read)} : Channel{std::move(read), std::move(write)};
        ::posix_spawn_file_actions_adddup2(&plan.actions, channel.theirs.get(), number);
    }
    return channel;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> result;
    for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
    result.push_back(nullptr);
    return result;
}

}  // namespace

std::string ExitStatus::to_string() const {
    if (signal == 0) return "exited with " + std::to_string(code);
    return "killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
}

struct Process::State {
    // Ends the wait of everybody in exited(), and kills it when a stop() has waited long enough.
    class KillTimer final : public Timer {
    public:
        explicit KillTimer(pid_t pid) : pid_(pid) {}
        void expired() override { ::kill(pid_, SIGKILL); }

    private:
        pid_t pid_;
    };

    State(Reactor& r, pid_t p) : reactor(r), pid(p), kill_timer(p) {}
    ~State() {
        if (!status) {
            ::kill(pid, SIGKILL);
            collect(0);
        }
    }

    // Answers whether the process has ended, and notes how.
    bool collect(int flags) noexcept {
        siginfo_t info{};
        while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | flags) != 0) {
            if (errno != EINTR) return false;
        }
        if (info.si_pid == 0) return false;
        status = info.si_code == CLD_EXITED ? ExitStatus{info.si_status, 0} : ExitStatus{0, info.si_status};
        return true;
    }

    void ended() {
        if (!collect(WNOHANG)) return;
        watch.reset();
        reactor.timers().cancel(kill_timer);
        // A waiter may destroy the Process.
        const ExitStatus how = *status;
        std::vector<Promise<ExitStatus>> waiting = std::exchange(waiters, {});
        for (Promise<ExitStatus>& promise : waiting) std::move(promise).resolve(how);
    }

    Reactor& reactor;
    pid_t pid;
    Descriptor pidfd;
    Descriptor input, output, error;
    std::optional<ExitStatus> status;
    std::unique_ptr<DescriptorWatch> watch;
    std::vector<Promise<ExitStatus>> waiters;
    KillTimer kill_timer;
};

Process::Process(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

Result<Process> Process::spawn(Reactor& reactor, const Options& options) {
    if (options.arguments.empty()) return fail(Errc::invalid_argument, "start a process: no program is named");
    const std::string what = "start " + options.arguments[0];
    Plan plan;
    Channel channels[3];
    const Stdio kinds[3] = {options.input, options.output, options.error};
    for (int i = 0; i < 3; ++i) {
        auto channel = open_channel(kinds[i], i, plan);
        if (!channel) return fail(channel.error().with_context(what));
        channels[i] = std::move(*channel);
    }
    if (!options.directory.empty()) {
        ::posix_spawn_file_actions_addchdir_np(&plan.actions, options.directory.c_str());
    }
    pid_t pid = 0;
    const auto arguments = pointers(options.arguments);
    const auto environment = options.environment ? pointers(*options.environment) : std::vector<char*>();
    const int error = ::posix_spawnp(&pid, arguments[0], &plan.actions, &plan.attributes, arguments.data(),
                                     options.environment ? environment.data() : environ);
    if (error != 0) return fail(Error::from_errno(error, what));

    auto state = std::make_unique<State>(reactor, pid);
    state->input = std::move(channels[0].ours);
    state->output = std::move(channels[1].ours);
    state->error = std::move(channels[2].ours);
    state->pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!state->pidfd) return fail(Error::from_errno(errno, what + ": open a pidfd"));
    State* const raw = state.get();
    state->watch = std::make_unique<DescriptorWatch>(reactor, state->pidfd.get(), true, false,
                                                     [raw](bool, bool) { raw->ended(); });
    return Process(std::move(state));
}

pid_t Process::pid() const noexcept { return state_->pid; }
bool Process::running() const noexcept { return !state_->status; }
Descriptor Process::take_input() noexcept { return std::move(state_->input); }
Descriptor Process::take_output() noexcept { return std::move(state_->output); }
Descriptor Process::take_error() noexcept { return std::move(state_->error); }

Deferred<ExitStatus> Process::exited() {
    if (state_->status) return ready(*state_->status);
    Deferred<ExitStatus> waiting = state_->waiters.emplace_back().deferred();
    return waiting;
}

Result<> Process::signal(int number) {
    if (state_->status) return fail(Errc::closed, "signal a process: it has " + state_->status->to_string());
    if (::kill(state_->pid, number) == 0) return {};
    return fail(Error::from_errno(errno, "signal process " + std::to_string(state_->pid)));
}

Deferred<ExitStatus> Process::stop(Duration grace) {
    if (running()) {
        ::kill(state_->pid, SIGTERM);
        state_->reactor.timers().arm(state_->kill_timer, state_->reactor.now() + grace);
    }
    return exited();
}

}  // namespace bine
