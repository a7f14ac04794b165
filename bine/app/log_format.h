// How a log record looks: a line for people, coloured on a terminal, or one JSON object for programs.
// Pure functions of any thread. What came from outside is escaped: no record makes a second line or moves a cursor.
#pragma once

#include <optional>
#include <string>

#include "bine/base/log.h"
#include "bine/base/time.h"

namespace bine::app {

// "19:05:12.345 info  http    text key=value\n" in local time; an access record as "19:05:12.345 200 GET /a 5.1 kB 0.3 ms".
// Without a time, its columns are left out.
std::string format_text(const log::Record& record, std::optional<WallTime> time, bool colour);

// {"time":"2026-11-23T19:05:12.345678Z","level":"info","area":"http","text":"...","key":value}\n. A field that is named as
// one of these four gets an underscore behind its name; bytes that are no UTF-8 become U+FFFD.
std::string format_json(const log::Record& record, std::optional<WallTime> time);

// `text` as a JSON string, quotes included.
std::string quote_json(std::string_view text);

// "734 B", "5.1 kB", "1.2 MB", in powers of 1000.
std::string format_bytes(uint64_t bytes);

}  // namespace bine::app
