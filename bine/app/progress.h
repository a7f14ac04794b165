// How far a download is, as one line of a terminal that is written again and again. On the reactor's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bine/async/timer.h"
#include "bine/base/time.h"

namespace bine {
class Reactor;
}

namespace bine::app {

struct ProgressState {
    std::string_view name;
    uint64_t done = 0;
    std::optional<uint64_t> total;
    double rate = 0;  // bytes a second; 0: not known yet
};

// "large.iso  45% [=====>      ] 12.3 MiB of 27.0 MiB  3.2 MiB/s  0:05 left", of `width` columns at most. What has no
// room is left out: first the bar, then the name or its end.
std::string progress_line(const ProgressState& state, std::size_t width);

// "12.3 MiB", "999 B".
std::string size_in_words(uint64_t bytes);

// Nothing is written in the first half of a second. When it is destroyed the line is wiped out.
class Progress final : private Timer {
public:
    // `fd` is a terminal.
    Progress(Reactor& reactor, int fd, std::string name, std::optional<uint64_t> total);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void add(uint64_t bytes) noexcept { done_ += bytes; }

private:
    void expired() override;

    Reactor& reactor_;
    const int fd_;
    const std::string name_;
    const std::optional<uint64_t> total_;
    uint64_t done_ = 0;
    uint64_t seen_ = 0;
    TimePoint seen_at_;
    double rate_ = 0;
    bool shown_ = false;
};

}  // namespace bine::app
