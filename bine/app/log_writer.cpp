#include "bine/app/log_writer.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bine/app/log_format.h"
#include "bine/reactor/reactor.h"

namespace bine::app {

namespace {

constexpr std::size_t kMostHeld = std::size_t{1} << 20;
constexpr Duration kRetry = std::chrono::milliseconds(50);
constexpr int kLastWaitMs = 250;
// poll() promises room for this much in a pipe; more could block.
constexpr std::size_t kPipePiece = 4096;
constexpr std::size_t kFilePiece = 65536;

bool is_regular_file(int fd) {
    struct stat about{};
    return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

}  // namespace

LogStyle choose_log_style(LogFormat wish, int fd) {
    const bool terminal = ::isatty(fd) == 1;
    const char* no_colour = std::getenv("NO_COLOR");
    const char* kind = std::getenv("TERM");
    LogStyle style;
    style.format = wish == LogFormat::automatic ? (terminal ? LogFormat::text : LogFormat::json) : wish;
    style.colour = style.format == LogFormat::text && terminal && !(no_colour && *no_colour) &&
                   !(kind && std::string_view(kind) == "dumb");
    return style;
}

// What a thread with a reactor writes at.
struct LogWriter::Desk final : Call, Timer, ListHook<LogWriter> {
    Desk(State& s, Reactor& r, std::size_t number)
        : state(s), reactor(r), worker(number), outer(std::exchange(here, this)) {}
    ~Desk() { here = outer; }

    void call() override;
    void expired() override;

    static thread_local Desk* here;

    State& state;
    Reactor& reactor;
    const std::size_t worker;
    Desk* const outer;  // of another writer
};

thread_local LogWriter::Desk* LogWriter::Desk::here = nullptr;

struct LogWriter::State {
    State(int descriptor, LogStyle chosen)
        : fd(descriptor), style(chosen), piece(is_regular_file(descriptor) ? kFilePiece : kPipePiece) {}

    void leave_turn(Desk& desk) {
        const std::scoped_lock lock(mutex);
        last_time = desk.reactor.wall_now();
        if (!push_out(0)) desk.reactor.timers().arm(desk, desk.reactor.now() + kRetry);
    }

    // Null in a thread that has none.
    Desk* desk_here() const noexcept { return Desk::here && &Desk::here->state == this ? Desk::here : nullptr; }

    std::optional<WallTime> time_at(const Desk* desk) {
        if (desk) return desk->reactor.wall_now();
        const std::scoped_lock lock(mutex);
        return last_time;
    }

    std::string format(const log::Record& record, std::optional<WallTime> time) const {
        return style.format == LogFormat::json ? format_json(record, time) : format_text(record, time, style.colour);
    }

    std::string format_at(const Desk* desk, const log::Record& record) {
        const bool says_who = style.format == LogFormat::json || log::enabled(log::Level::debug);
        if (!desk || desk->worker == 0 || !says_who) return format(record, time_at(desk));
        std::vector<log::Field> fields(record.fields.begin(), record.fields.end());
        fields.emplace_back("worker", desk->worker);
        return format({record.level, record.area, record.text, fields}, time_at(desk));
    }

    void hold(std::string_view line) {
        if (broken || held.size() + line.size() > kMostHeld) {
            ++lost;
            ++unreported;
            return;
        }
        held += line;
    }

    void schedule(Desk* desk) {
        if (held.empty()) return;
        if (desk) {
            if (!desk->armed()) desk->reactor.call_soon(*desk);
        } else if (desks.empty()) {
            push_out(0);
        } else if (!std::exchange(posted, true)) {
            desks.front()->reactor.call_from_thread([this] { take_posted(); });
        }
    }

    // In the thread of the desk that was the first, if it is there still.
    void take_posted() {
        {
            const std::scoped_lock lock(mutex);
            posted = false;
            if (!desk_here()) push_out(0);
        }
        if (Desk* desk = desk_here()) leave_turn(*desk);
    }

    // Writes what the descriptor takes within `wait_ms`; whether all is out, or never will be.
    bool push_out(int wait_ms) {
        std::size_t done = 0;
        bool ready = true;
        while (!broken && done < held.size() && (ready = is_ready(wait_ms))) {
            const ssize_t count = ::write(fd, held.data() + done, std::min(piece, held.size() - done));
            if (count >= 0) {
                done += static_cast<std::size_t>(count);
            } else if (errno == EAGAIN) {
                ready = false;
                break;
            } else if (errno != EINTR) {
                give_up(errno);
                return true;
            }
        }
        held.erase(0, done);
        if (ready && unreported > 0 && !broken) return report_lost(wait_ms);
        return ready || broken;
    }

    bool is_ready(int wait_ms) const {
        pollfd asked{fd, POLLOUT, 0};
        return ::poll(&asked, 1, wait_ms) == 1;
    }

    bool report_lost(int wait_ms) {
        const log::Field count("lines", unreported);
        unreported = 0;
        hold(format({log::Level::warning, "log", "lines were lost: nobody took them in time", {&count, 1}}, last_time));
        return push_out(wait_ms);
    }

    // A full disk may have room again later; a reader or terminal that is gone stays gone.
    void give_up(int error) {
        const auto lines = static_cast<uint64_t>(std::count(held.begin(), held.end(), '\n'));
        lost += lines;
        unreported += lines;
        held.clear();
        broken = error != ENOSPC && error != EDQUOT && error != EFBIG;
    }

    const int fd;
    const LogStyle style;
    const std::size_t piece;
    std::mutex mutex;
    IntrusiveList<Desk, LogWriter> desks;
    std::optional<WallTime> last_time;
    bool posted = false;  // the first desk will be told of lines that another thread wrote
    std::string held;
    uint64_t lost = 0;
    uint64_t unreported = 0;
    bool broken = false;
};

void LogWriter::Desk::call() { state.leave_turn(*this); }
void LogWriter::Desk::expired() { state.leave_turn(*this); }

LogWriter::LogWriter(int fd, LogStyle style) : state_(std::make_unique<State>(fd, style)) {}

LogWriter::~LogWriter() {
    detach();
    const std::scoped_lock lock(state_->mutex);
    state_->push_out(kLastWaitMs);
}

LogStyle LogWriter::style() const noexcept { return state_->style; }

void LogWriter::write(const log::Record& record) {
    Desk* desk = state_->desk_here();
    const std::string line = state_->format_at(desk, record);
    const std::scoped_lock lock(state_->mutex);
    state_->hold(line);
    // What precedes a crash is what one wants to read.
    if (record.level >= log::Level::warning) state_->push_out(0);
    state_->schedule(desk);
}

void LogWriter::write(std::string_view text) {
    const std::scoped_lock lock(state_->mutex);
    state_->hold(text);
    state_->schedule(state_->desk_here());
}

void LogWriter::attach(Reactor& reactor, std::size_t worker) {
    auto desk = std::make_unique<Desk>(*state_, reactor, worker);
    const std::scoped_lock lock(state_->mutex);
    state_->desks.push_back(*desk.release());
    state_->last_time = reactor.wall_now();
}

void LogWriter::detach() {
    const std::unique_ptr<Desk> desk(state_->desk_here());
    if (!desk) return;
    desk->reactor.timers().cancel(*desk);
    const std::scoped_lock lock(state_->mutex);
    static_cast<ListHook<LogWriter>&>(*desk).unlink();
    state_->posted = false;  // it may have been this one that was told
    state_->last_time = desk->reactor.wall_now();
    state_->push_out(0);
}

uint64_t LogWriter::lost() const {
    const std::scoped_lock lock(state_->mutex);
    return state_->lost;
}

LogRedirection::LogRedirection(LogWriter& writer)
    : old_(log::set_sink([&writer](const log::Record& record) { writer.write(record); })) {}

}  // namespace bine::app
