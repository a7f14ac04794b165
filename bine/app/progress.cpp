#include "bine/app/progress.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "bine/app/console.h"
#include "bine/base/text.h"
#include "bine/reactor/reactor.h"

namespace bine::app {

namespace {

constexpr Duration kPatience = std::chrono::milliseconds(500);
constexpr Duration kEvery = std::chrono::milliseconds(200);
constexpr double kWeight = 0.2;  // of the last moment in the rate
constexpr std::size_t kUsualWidth = 80;
constexpr std::size_t kLeastBar = 10;
constexpr std::size_t kMostBar = 40;
constexpr std::size_t kBarEnds = 3;
constexpr std::size_t kLeastName = 8;
constexpr std::size_t kGap = 2;

std::size_t width_of(int fd) {
    winsize size{};
    return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
}

std::string time_in_words(uint64_t seconds) {
    std::array<char, 32> text{};
    const auto hours = static_cast<unsigned long long>(seconds / 3600);
    const auto minutes = static_cast<unsigned>(seconds / 60 % 60);
    const auto rest = static_cast<unsigned>(seconds % 60);
    if (hours > 0) {
        std::snprintf(text.data(), text.size(), "%llu:%02u:%02u", hours, minutes, rest);
    } else {
        std::snprintf(text.data(), text.size(), "%u:%02u", minutes, rest);
    }
    return text.data();
}

double part_of(const ProgressState& state) {
    if (!state.total || *state.total == 0) return 0;
    return std::min(1.0, static_cast<double>(state.done) / static_cast<double>(*state.total));
}

// Behind the bar.
std::string numbers(const ProgressState& state) {
    std::string text = size_in_words(state.done);
    if (state.total) (text += " of ") += size_in_words(*state.total);
    if (state.rate < 1) return text;
    ((text += "  ") += size_in_words(static_cast<uint64_t>(state.rate))) += "/s";
    if (!state.total || state.done >= *state.total) return text;
    const double left = static_cast<double>(*state.total - state.done) / state.rate;
    if (left < 360000) ((text += "  ") += time_in_words(static_cast<uint64_t>(left))) += " left";
    return text;
}

std::string bar(double part, std::size_t width) {
    const auto full = static_cast<std::size_t>(part * static_cast<double>(width));
    std::string text(full, '=');
    if (full < width) text += '>';
    text.resize(width, ' ');
    return "[" + text + "] ";
}

std::string percent(double part) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%3u%% ", static_cast<unsigned>(part * 100));
    return text.data();
}

// The first characters of UTF-8; each counts as one column.
std::string shortened(std::string_view text, std::size_t columns) {
    std::size_t size = 0;
    for (std::size_t used = 0; size < text.size() && used < columns; ++used) {
        size += std::max<std::size_t>(utf8_length(text.substr(size)), 1);
    }
    return std::string(text.substr(0, size));
}

std::size_t columns_of(std::string_view text) {
    std::size_t columns = 0;
    for (std::size_t at = 0; at < text.size(); ++columns) at += std::max<std::size_t>(utf8_length(text.substr(at)), 1);
    return columns;
}

}  // namespace

std::string size_in_words(uint64_t bytes) {
    constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) return std::to_string(bytes) + " B";
    double amount = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (amount >= 1024 && unit + 1 < kUnits.size()) {
        amount /= 1024;
        ++unit;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f %s", amount, kUnits[unit]);
    return text.data();
}

std::string progress_line(const ProgressState& state, std::size_t width) {
    const std::string behind = numbers(state);
    const std::string front = state.total ? percent(part_of(state)) : "";
    const std::size_t needed = front.size() + behind.size();
    std::size_t room = width > needed ? width - needed : 0;
    const std::size_t named = std::min(columns_of(state.name) + kGap, room);
    std::string line;
    if (named > kGap && (named > kLeastName || named == columns_of(state.name) + kGap)) {
        line = shortened(state.name, named - kGap) + std::string(kGap, ' ');
        room -= named;
    }
    line += front;
    if (state.total && room >= kLeastBar + kBarEnds) line += bar(part_of(state), std::min(room - kBarEnds, kMostBar));
    return shortened(line + behind, width);
}

Progress::Progress(Reactor& reactor, int fd, std::string name, std::optional<uint64_t> total)
    : reactor_(reactor), fd_(fd), name_(escape(name)), total_(total), seen_at_(reactor.now()) {
    reactor_.timers().arm(*this, reactor_.now() + kPatience);
}

Progress::~Progress() {
    reactor_.timers().cancel(*this);
    if (shown_) write_all(fd_, "\r\x1b[K");
}

void Progress::expired() {
    const TimePoint now = reactor_.now();
    const double seconds = std::chrono::duration<double>(now - seen_at_).count();
    if (seconds > 0) {
        const double rate = static_cast<double>(done_ - std::exchange(seen_, done_)) / seconds;
        rate_ = shown_ ? (1 - kWeight) * rate_ + kWeight * rate : rate;
    }
    seen_at_ = now;
    shown_ = true;
    const ProgressState state{.name = name_, .done = done_, .total = total_, .rate = rate_};
    // The last column stays free: a terminal may go to the next line when it is filled.
    write_all(fd_, "\r" + progress_line(state, width_of(fd_) - 1) + "\x1b[K");
    reactor_.timers().arm(*this, now + kEvery);
}

}  // namespace bine::app
