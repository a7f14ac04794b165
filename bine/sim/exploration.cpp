#include "bine/sim/exploration.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "bine/base/error.h"
#include "bine/base/text.h"

namespace bine::sim {

namespace {

constexpr std::size_t kStoryLines = 40;
constexpr std::size_t kMostShown = 2000;  // bytes of choices
constexpr std::size_t kShrinkAttempts = 3000;
constexpr double kShrinkSeconds = 20;
constexpr uint64_t kAnyNumber = UINT64_MAX / 2;

double seconds_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string hex(uint64_t number) {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
    return text;
}

std::string quoted(const std::string& text) { return "'" + text + "'"; }

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) return std::string("the process was ended by ") + ::strsignal(WTERMSIG(status));
    return "the process ended with status " + std::to_string(WEXITSTATUS(status));
}

// What can be passed to --replay: the text, or when that is long, the name of a file that holds it. The file is beside
// the program, where what is built is, wherever that is called from.
std::string passable(std::string text, const std::string& program, uint64_t seed) {
    if (text.size() <= kMostShown) return text;
    const std::string name = program + ".seed-" + std::to_string(seed) + ".choices";
    std::FILE* file = std::fopen(name.c_str(), "w");
    if (!file) return text;
    std::fprintf(file, "%s\n", text.c_str());
    std::fclose(file);
    return "@" + name;
}

// What a child process does with `body`; its status.
template <class F>
int in_child(F&& body) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw Error::from_errno(errno, "start a process");
    if (child == 0) {
        body();
        std::fflush(nullptr);
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

// A child that hangs is ended by the kernel.
void limit_time(int seconds) { ::alarm(static_cast<unsigned>(seconds)); }

}  // namespace

void shift_heap(std::size_t bytes) {
    static std::vector<std::unique_ptr<char[]>> pieces;
    for (std::size_t size = 24; bytes > 0; size = size * 7 % 4093 + 1) {
        size = std::min(size, bytes);
        pieces.push_back(std::make_unique<char[]>(size));
        bytes -= size;
    }
}

struct Exploration::Shared {
    std::atomic<uint64_t> world;
};

Exploration::Exploration(std::vector<Scenario> scenarios, ExploreOptions options)
    : scenarios_(std::move(scenarios)), options_(std::move(options)) {
    if (options_.jobs == 0) options_.jobs = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    if (options_.hashes) options_.jobs = 1;
    if (scenarios_.empty()) throw Error(Errc::invalid_argument, "there is no scenario to play");
}

Exploration::~Exploration() { stop_workers(); }

uint64_t Exploration::worlds() const noexcept {
    return options_.until_failure ? kAnyNumber : options_.seeds * scenarios_.size();
}

int Exploration::run() {
    begun_ = seconds_now();
    workers_.resize(options_.jobs);
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        workers_[i].next = i;
        void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw Error::from_errno(errno, "share memory with a process");
        workers_[i].at = new (memory) Shared{};
        start(workers_[i]);
    }
    watch();
    stop_workers();
    show_progress(true);
    if (failure_) explain(*failure_);
    if (!options_.hashes) summarize();
    return failure_ ? 1 : 0;
}

// In the worker.

void Exploration::start(Worker& worker) {
    int ends[2];
    if (::pipe(ends) != 0) throw Error::from_errno(errno, "make a pipe");
    std::fflush(nullptr);
    worker.process = ::fork();
    if (worker.process < 0) throw Error::from_errno(errno, "start a process");
    if (worker.process == 0) {
        ::close(ends[0]);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever ends this program ends its workers
        work(worker, ends[1]);
    }
    ::close(ends[1]);
    worker.report = Descriptor(ends[0]);
    worker.seen = UINT64_MAX;
    worker.done = false;
}

void Exploration::work(Worker& worker, int report_descriptor) {
    shift_heap(options_.shift_heap);
    std::FILE* report = ::fdopen(report_descriptor, "w");
    for (uint64_t world = worker.next; world < worlds(); world += options_.jobs) {
        worker.at->world.store(world);
        play_world(world, report);
        std::fflush(report);
    }
    std::fprintf(report, "end\n");
    std::fflush(report);
    ::_exit(0);
}

void Exploration::play_world(uint64_t world, std::FILE* report) {
    Scenario& scenario = scenario_of(world);
    const uint64_t seed = seed_of(world);
    Outcome outcome = play(scenario, Chance(seed));
    const bool twice = options_.twice_in > 0 && seed % options_.twice_in == 0;
    if (twice && !outcome.failure) outcome.failure = play_again(scenario, seed, outcome.hash);
    for (const auto& [label, times] : outcome.sometimes) {
        std::fprintf(report, "sometimes %llu %s\n", static_cast<unsigned long long>(times), label.c_str());
    }
    if (options_.hashes) std::fprintf(report, "hash %s %s\n", hex(outcome.hash).c_str(), std::to_string(world).c_str());
    if (outcome.failure) {
        std::fprintf(report, "failed %llu %s\n", static_cast<unsigned long long>(world),
                     escape(*outcome.failure).c_str());
    }
    std::fprintf(report, "played %.9f\n", std::chrono::duration<double>(outcome.took).count());
}

// In a process that was started anew, with things elsewhere in its memory.
std::optional<std::string> Exploration::play_again(const Scenario& scenario, uint64_t seed, uint64_t hash) const {
    int ends[2];
    if (::pipe(ends) != 0) throw Error::from_errno(errno, "make a pipe");
    const int status = in_child([&] {
        ::dup2(ends[1], STDOUT_FILENO);
        const std::string number = std::to_string(seed);
        const char* const arguments[] = {options_.program.c_str(),
                                         scenario.name.c_str(),
                                         "--seed",
                                         number.c_str(),
                                         "--hashes",
                                         "--shift-heap",
                                         "1000003",
                                         nullptr};
        ::execv("/proc/self/exe", const_cast<char* const*>(arguments));
        ::_exit(127);
    });
    ::close(ends[1]);
    char text[17] = {};
    const ssize_t size = ::read(ends[0], text, 16);
    ::close(ends[0]);
    if (size == 16 && hex(hash) == text && WIFEXITED(status)) return std::nullopt;
    return "two processes play this seed differently: hash " + hex(hash) + " and " + text +
           ". Something depends on addresses, on memory that is not set, or on the real world";
}

// In the parent.

void Exploration::watch() {
    const auto busy = [](const Worker& worker) { return worker.process > 0; };
    while (!failure_ && std::any_of(workers_.begin(), workers_.end(), busy)) {
        std::vector<pollfd> polled;
        polled.reserve(workers_.size());
        for (const Worker& worker : workers_) polled.push_back({busy(worker) ? worker.report.get() : -1, POLLIN, 0});
        ::poll(polled.data(), polled.size(), 200);
        for (std::size_t i = 0; i < workers_.size() && !failure_; ++i) {
            if (polled[i].revents != 0) read_report(workers_[i]);
            if (busy(workers_[i]) && !failure_) look_for_hang(workers_[i]);
        }
        show_progress(false);
    }
}

void Exploration::read_report(Worker& worker) {
    char bytes[65536];
    const ssize_t size = ::read(worker.report.get(), bytes, sizeof bytes);
    if (size > 0) {
        worker.unread.append(bytes, static_cast<std::size_t>(size));
        std::size_t start = 0;
        for (std::size_t end; (end = worker.unread.find('\n', start)) != std::string::npos; start = end + 1) {
            take_line(worker, std::string_view(worker.unread).substr(start, end - start));
        }
        worker.unread.erase(0, start);
    } else if (size == 0) {
        int status = 0;
        ::waitpid(worker.process, &status, 0);
        worker.process = 0;
        if (!worker.done) worker_died(worker, status);
    }
}

void Exploration::take_line(Worker& worker, std::string_view line) {
    const std::string_view word = line.substr(0, line.find(' '));
    const std::string rest(line.substr(std::min(word.size() + 1, line.size())));
    char* behind = nullptr;
    const uint64_t number = std::strtoull(rest.c_str(), &behind, 10);
    if (word == "end") {
        worker.done = true;
    } else if (word == "played") {
        ++played_;
        virtual_seconds_ += std::strtod(rest.c_str(), nullptr);
    } else if (word == "sometimes") {
        auto& [times, in_worlds] = sometimes_[std::string(behind + 1)];
        times += number;
        in_worlds += number > 0 ? 1 : 0;
    } else if (word == "failed") {
        fail_world(number, behind + 1);
    } else if (word == "hash") {
        const uint64_t world = std::strtoull(rest.c_str() + 17, nullptr, 10);
        std::printf("%s %llu %s\n", rest.substr(0, 16).c_str(), static_cast<unsigned long long>(seed_of(world)),
                    scenario_of(world).name.c_str());
    }
}

void Exploration::fail_world(uint64_t world, std::string text) {
    if (!failure_) failure_ = Failure{world % scenarios_.size(), seed_of(world), std::move(text)};
}

void Exploration::worker_died(Worker& worker, int status) { fail_world(worker.at->world.load(), how_it_ended(status)); }

void Exploration::look_for_hang(Worker& worker) {
    const uint64_t world = worker.at->world.load();
    const double now = seconds_now();
    if (world != worker.seen) {
        worker.seen = world;
        worker.since = now;
    } else if (now - worker.since > options_.most_seconds) {
        fail_world(world, "it hangs: " + std::to_string(options_.most_seconds) + " s of real time were not enough");
    }
}

void Exploration::stop_workers() {
    for (Worker& worker : workers_) {
        if (worker.process > 0) {
            ::kill(worker.process, SIGKILL);
            ::waitpid(worker.process, nullptr, 0);
            worker.process = 0;
        }
        if (worker.at) ::munmap(std::exchange(worker.at, nullptr), sizeof(Shared));
    }
}

void Exploration::show_progress(bool last) {
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    const double now = seconds_now();
    if (options_.hashes || (last && !terminal) || (!last && now - shown_ < (terminal ? 0.2 : 10))) return;
    const bool first = shown_ == 0;
    shown_ = now;
    if (first && !terminal) return;
    const double took = now - begun_;
    const std::string of = options_.until_failure ? "" : " of " + std::to_string(worlds());
    std::fprintf(stderr, "%s%llu%s worlds, %.0f a second%s", terminal ? "\r" : "",
                 static_cast<unsigned long long>(played_), of.c_str(),
                 static_cast<double>(played_) / std::max(took, 0.001), terminal ? "\033[K" : "\n");
    if (last) std::fprintf(stderr, "\n");
}

// A failure.

void Exploration::explain(const Failure& failure) {
    const std::string& name = scenarios_[failure.scenario].name;
    const std::string again = options_.program + " " + quoted(name) + " --seed " + std::to_string(failure.seed);
    std::printf("FAILED: %s, seed %llu\n    %s\n\nreplay it, with its whole story:\n    %s\n\n", name.c_str(),
                static_cast<unsigned long long>(failure.seed), failure.text.c_str(), again.c_str());
    std::optional<Choices> choices;
    if (options_.shrinks) choices = find_choices(failure);
    if (choices) {
        const auto others = std::count_if(choices->begin(), choices->end(), [](uint64_t one) { return one != 0; });
        std::printf("%s fails too, with %lld choices that are not the plainest:\n    %s --replay '%s'\n\n",
                    others == 0 ? "the plainest run of all" : "a plainer run", static_cast<long long>(others),
                    again.c_str(), passable(to_text(*choices), options_.program, failure.seed).c_str());
    }
    tell_story(failure, choices ? &*choices : nullptr);
}

// Its last lines, in a process of its own: the run may end that.
void Exploration::tell_story(const Failure& failure, const Choices* choices) {
    std::FILE* story = std::tmpfile();
    if (!story) return;
    in_child([&] {
        limit_time(options_.most_seconds);
        Scenario& scenario = scenarios_[failure.scenario];
        play(scenario, choices ? Chance(failure.seed, *choices) : Chance(failure.seed), story);
    });
    std::fseek(story, 0, SEEK_SET);
    std::deque<std::string> lines;
    char line[4096];
    while (std::fgets(line, sizeof line, story)) {
        lines.emplace_back(line);
        if (lines.size() > kStoryLines) lines.pop_front();
    }
    std::fclose(story);
    std::printf("how it ends:\n");
    for (const std::string& one : lines) std::printf("    %s", one.c_str());
    std::printf("\n");
}

// What the failing run chose, made plainer; nothing when that cannot be told, because its process died on the way.
std::optional<Choices> Exploration::find_choices(const Failure& failure) {
    std::FILE* told = std::tmpfile();
    if (!told) return std::nullopt;
    in_child([&] {
        limit_time(options_.most_seconds);
        const Outcome played = play(scenarios_[failure.scenario], Chance(failure.seed));
        for (const uint64_t choice : played.choices)
            std::fprintf(told, "%llu\n", static_cast<unsigned long long>(choice));
    });
    std::fseek(told, 0, SEEK_SET);
    Choices choices;
    unsigned long long choice = 0;
    while (std::fscanf(told, "%llu", &choice) == 1) choices.push_back(choice);
    std::fclose(told);
    if (choices.empty()) return std::nullopt;
    const double end = seconds_now() + kShrinkSeconds;
    const auto fails = [&](const Choices& tried) { return seconds_now() < end && still_fails(failure, tried); };
    return shrink(std::move(choices), fails, kShrinkAttempts);
}

bool Exploration::still_fails(const Failure& failure, const Choices& choices) {
    const int status = in_child([&] {
        limit_time(options_.most_seconds);
        const Outcome outcome = play(scenarios_[failure.scenario], Chance(failure.seed, choices));
        ::_exit(outcome.failure ? 1 : 0);
    });
    return status != 0;
}

void Exploration::summarize() const {
    const double took = seconds_now() - begun_;
    for (const auto& [label, counts] : sometimes_) {
        if (counts.second == 0) {
            std::printf("never reached: %s\n", label.c_str());
        } else {
            std::printf(
                "reached in %5.1f %% of worlds: %s\n",
                100.0 * static_cast<double>(counts.second) / static_cast<double>(std::max<uint64_t>(played_, 1)),
                label.c_str());
        }
    }
    std::printf("%llu worlds of %zu scenarios in %.1f s, %.0f s of their time: %s\n",
                static_cast<unsigned long long>(played_), scenarios_.size(), took, virtual_seconds_,
                failure_ ? "a promise is broken" : "all promises are kept");
}

}  // namespace bine::sim
