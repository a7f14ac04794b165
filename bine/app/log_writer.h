// Where the log of the `bine` command goes: one descriptor, usually standard error.
//
// Lines of one turn leave together, and only as much as the descriptor takes at once: a reader that stalls costs lines
// (which are counted and reported), never the loop. A descriptor that is closed or broken is given up silently.
// write(), attach() and detach() may be called from any thread: lines stay whole, whoever writes them.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "bine/base/log.h"

namespace bine {
class Reactor;
}

namespace bine::app {

enum class LogFormat : uint8_t { automatic, text, json };

struct LogStyle {
    LogFormat format = LogFormat::text;
    bool colour = false;
};

// Automatic is text on a terminal and JSON elsewhere. Colour is for terminals, unless NO_COLOR is set or TERM is "dumb".
LogStyle choose_log_style(LogFormat wish, int fd);

class LogWriter {
public:
    // `fd` stays the caller's.
    LogWriter(int fd, LogStyle style);
    // Detaches, and waits a quarter of a second at most for the last lines to leave.
    ~LogWriter();
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    LogStyle style() const noexcept;
    void write(const log::Record& record);
    // `text` as it stands, in order with the records.
    void write(std::string_view text);

    // In the thread of `reactor`, one for each thread: its lines take their time from it and leave once a turn, and say
    // which `worker` wrote them, unless that is 0: as JSON always, as text at level debug. Lines of a thread that has none
    // leave with those of another; when no thread has one, each at once.
    // Detach in that thread, before the reactor goes; the writer must outlive the reactor.
    void attach(Reactor& reactor, std::size_t worker = 0);
    void detach();

    // Lines given up since the start.
    uint64_t lost() const;

private:
    struct Desk;
    struct State;
    std::unique_ptr<State> state_;
};

// The log of the program goes to `writer` as long as this lives.
class LogRedirection {
public:
    explicit LogRedirection(LogWriter& writer);
    ~LogRedirection() { log::set_sink(std::move(old_)); }
    LogRedirection(const LogRedirection&) = delete;
    LogRedirection& operator=(const LogRedirection&) = delete;

private:
    log::Sink old_;
};

}  // namespace bine::app
