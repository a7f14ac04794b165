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
#include <thread>

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

struct LogWriter::State final : Call, Timer {
    State(int descriptor, LogStyle chosen)
        : fd(descriptor), style(chosen), piece(is_regular_file(descriptor) ? kFilePiece : kPipePiece) {}

    void call() override { leave_turn(); }
    void expired() override { leave_turn(); }

    void leave_turn() {
        const std::scoped_lock lock(mutex);
        if (!push_out(0) && reactor) reactor->timers().arm(*this, reactor->now() + kRetry);
    }

    std::optional<WallTime> time_now() {
        if (at_home()) last_time = reactor->wall_now();
        return last_time;
    }

    std::string format(const log::Record& record) {
        return style.format == LogFormat::json ? format_json(record, time_now())
                                               : format_text(record, time_now(), style.colour);
    }

    bool at_home() const { return reactor && std::this_thread::get_id() == home; }

    void hold(std::string_view line) {
        if (broken || held.size() + line.size() > kMostHeld) {
            ++lost;
            ++unreported;
            return;
        }
        held += line;
    }

    void schedule() {
        if (held.empty()) return;
        if (!reactor) {
            push_out(0);
        } else if (!at_home()) {
            reactor->call_from_thread([this] { leave_turn(); });
        } else if (!armed()) {
            reactor->call_soon(*this);
        }
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
        hold(format({log::Level::warning, "log", "lines were lost: nobody took them in time", {&count, 1}}));
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
    Reactor* reactor = nullptr;
    std::thread::id home;
    std::optional<WallTime> last_time;
    std::mutex mutex;
    std::string held;
    uint64_t lost = 0;
    uint64_t unreported = 0;
    bool broken = false;
};

LogWriter::LogWriter(int fd, LogStyle style) : state_(std::make_unique<State>(fd, style)) {}

LogWriter::~LogWriter() {
    detach();
    const std::scoped_lock lock(state_->mutex);
    state_->push_out(kLastWaitMs);
}

LogStyle LogWriter::style() const noexcept { return state_->style; }

void LogWriter::write(const log::Record& record) {
    const std::scoped_lock lock(state_->mutex);
    state_->hold(state_->format(record));
    // What precedes a crash is what one wants to read.
    if (record.level >= log::Level::warning) state_->push_out(0);
    state_->schedule();
}

void LogWriter::write(std::string_view text) {
    const std::scoped_lock lock(state_->mutex);
    state_->hold(text);
    state_->schedule();
}

void LogWriter::attach(Reactor& reactor) {
    const std::scoped_lock lock(state_->mutex);
    state_->reactor = &reactor;
    state_->home = std::this_thread::get_id();
}

void LogWriter::detach() {
    const std::scoped_lock lock(state_->mutex);
    if (!state_->reactor) return;
    state_->reactor->timers().cancel(*state_);
    state_->Call::unlink();
    state_->time_now();
    state_->reactor = nullptr;
    state_->push_out(0);
}

uint64_t LogWriter::lost() const {
    const std::scoped_lock lock(state_->mutex);
    return state_->lost;
}

LogRedirection::LogRedirection(LogWriter& writer)
    : old_(log::set_sink([&writer](const log::Record& record) { writer.write(record); })) {}

}  // namespace bine::app
