#include "bine/testing/captured_logs.h"

#include <algorithm>
#include <mutex>

namespace bine::testing {

struct CapturedLogs::State {
    std::mutex mutex;
    std::vector<Line> lines;
};

namespace {

log::Level current_level() noexcept {
    for (const log::Level level : {log::Level::debug, log::Level::info, log::Level::warning}) {
        if (log::enabled(level)) return level;
    }
    return log::Level::error;
}

}  // namespace

CapturedLogs::CapturedLogs() : state_(std::make_unique<State>()), level_before_(current_level()) {
    State* const state = state_.get();
    before_ = log::set_sink([state](const log::Record& record) {
        const std::lock_guard lock(state->mutex);
        state->lines.push_back(
            {record.level, std::string(record.area), std::string(record.text), log::to_line(record)});
    });
    log::set_level(log::Level::debug);
}

CapturedLogs::~CapturedLogs() {
    log::set_sink(std::move(before_));
    log::set_level(level_before_);
}

const std::vector<CapturedLogs::Line>& CapturedLogs::lines() const noexcept { return state_->lines; }

std::size_t CapturedLogs::count(std::string_view text) const noexcept {
    return static_cast<std::size_t>(
        std::ranges::count_if(state_->lines, [text](const Line& line) { return line.text == text; }));
}

bool CapturedLogs::contains(std::string_view part) const noexcept {
    return std::ranges::any_of(state_->lines, [part](const Line& line) { return line.whole.find(part) != part.npos; });
}

void CapturedLogs::clear() noexcept { state_->lines.clear(); }

}  // namespace bine::testing
