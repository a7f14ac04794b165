// What was logged while a test looks: for asserting on it, and for keeping it off the terminal.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/log.h"

namespace bine::testing {

// Takes the place of the log's sink, and its level becomes debug, until it is destroyed. One at a time; records of any
// thread, but asked only while none of them logs.
class CapturedLogs {
public:
    struct Line {
        log::Level level;
        std::string area;
        std::string text;
        std::string whole;  // as log::to_line writes it
    };

    CapturedLogs();
    ~CapturedLogs();
    CapturedLogs(const CapturedLogs&) = delete;
    CapturedLogs& operator=(const CapturedLogs&) = delete;

    const std::vector<Line>& lines() const noexcept;
    // How many lines say exactly this, values apart.
    std::size_t count(std::string_view text) const noexcept;
    // Whether a line, with its values, holds this.
    bool contains(std::string_view part) const noexcept;
    void clear() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
    log::Sink before_;
    log::Level level_before_;
};

}  // namespace bine::testing
