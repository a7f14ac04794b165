#include "bine/app/log_format.h"

#include <time.h>

#include <charconv>
#include <cmath>
#include <cstdio>

#include "bine/base/text.h"

namespace bine::app {

namespace {

using log::Field;
using log::Level;
using log::Record;

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kCyan = "\x1b[36m";

constexpr std::size_t kAreaWidth = 7;
// What an access line for people shows in columns, or not at all; other fields follow as key=value.
constexpr std::string_view kColumns[] = {"status",       "method", "target",   "bytes",
                                         "microseconds", "peer",   "referrer", "agent"};

// Appends text in colour, or as it is.
class Painter {
public:
    Painter(std::string& line, bool colour) noexcept : line_(line), colour_(colour) {}

    void put(std::string_view text) { line_ += text; }
    void put(std::string_view text, std::string_view code) {
        if (colour_) line_ += code;
        line_ += text;
        if (colour_) line_ += kReset;
    }
    void pad(std::size_t used, std::size_t width) { line_.append(used < width ? width - used : 0, ' '); }

private:
    std::string& line_;
    bool colour_;
};

struct Moment {
    tm calendar{};
    int64_t microseconds = 0;
};

Moment take_apart(WallTime time, bool local) {
    using namespace std::chrono;
    const auto whole = floor<seconds>(time);
    const time_t stamp = static_cast<time_t>(whole.time_since_epoch().count());
    Moment moment;
    if (local) {
        ::localtime_r(&stamp, &moment.calendar);
    } else {
        ::gmtime_r(&stamp, &moment.calendar);
    }
    moment.microseconds = duration_cast<microseconds>(time - whole).count();
    return moment;
}

template <class... Args>
void append_printed(std::string& line, const char* pattern, Args... args) {
    char text[96];
    const int size = std::snprintf(text, sizeof text, pattern, args...);
    if (size > 0) line.append(text, std::min(static_cast<std::size_t>(size), sizeof text - 1));
}

template <class Number>
void append_number(std::string& line, Number value) {
    char digits[32];
    line.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

std::string_view colour_of(Level level) {
    switch (level) {
        case Level::debug: return kDim;
        case Level::info: return kGreen;
        case Level::warning: return kYellow;
        case Level::error: return kRed;
    }
    return kRed;
}

std::string_view colour_of_status(int64_t status) {
    if (status >= 500) return kRed;
    if (status >= 400) return kYellow;
    if (status >= 300) return kCyan;
    return kGreen;
}

const Field* find(const Record& record, std::string_view key) {
    for (const Field& field : record.fields) {
        if (field.key == key) return &field;
    }
    return nullptr;
}

std::string to_text(const Field& field) {
    std::string value;
    switch (field.kind) {
        case Field::Kind::text: return escape(field.text);
        case Field::Kind::integer: append_number(value, field.integer); break;
        case Field::Kind::real: append_printed(value, "%.4g", field.real); break;
        case Field::Kind::boolean: value = field.integer ? "true" : "false"; break;
    }
    return value;
}

void append_field(Painter& painter, const Field& field) {
    const std::string value = to_text(field);
    const bool quoted = field.kind == Field::Kind::text && (value.empty() || value.find_first_of(" =") != value.npos);
    painter.put(" ");
    painter.put(std::string(field.key) + "=", kDim);
    painter.put(quoted ? '"' + value + '"' : value);
}

bool is_column(std::string_view key) {
    for (const std::string_view column : kColumns) {
        if (key == column) return true;
    }
    return false;
}

std::string format_time_taken(int64_t microseconds) {
    const double milliseconds = static_cast<double>(microseconds) / 1000;
    std::string text;
    if (milliseconds >= 1000) {
        append_printed(text, "%.1f s", milliseconds / 1000);
    } else {
        append_printed(text, milliseconds >= 10 ? "%.0f ms" : "%.2g ms", milliseconds);
    }
    return text;
}

// "200 GET /index.html 5.1 kB 0.31 ms 127.0.0.1:52110", then what else the record says. An answer within the turn in which
// the request came took no time that could be told.
void append_access(Painter& painter, const Record& record) {
    if (const Field* status = find(record, "status")) painter.put(to_text(*status), colour_of_status(status->integer));
    if (const Field* method = find(record, "method")) painter.put(" " + to_text(*method), kBold);
    if (const Field* target = find(record, "target")) painter.put(" " + to_text(*target));
    if (const Field* bytes = find(record, "bytes")) {
        painter.put(" " + format_bytes(static_cast<uint64_t>(bytes->integer)), kDim);
    }
    const Field* taken = find(record, "microseconds");
    if (taken && taken->integer > 0) painter.put(" " + format_time_taken(taken->integer), kDim);
    if (const Field* peer = find(record, "peer")) painter.put(" " + to_text(*peer), kDim);
    for (const Field& field : record.fields) {
        if (!is_column(field.key)) append_field(painter, field);
    }
}

// Escaped for a terminal; quotes are harmless there and read better as they are.
std::string to_sentence(std::string_view text) {
    std::string sentence = escape(text);
    for (std::size_t at = 0; (at = sentence.find('\\', at)) != sentence.npos; at += 2) {
        if (sentence[at + 1] == '"') sentence.erase(at--, 1);
    }
    return sentence;
}

void append_sentence(Painter& painter, const Record& record) {
    const std::string_view level = record.level == Level::warning ? "warn" : log::name(record.level);
    painter.put(level, colour_of(record.level));
    painter.pad(level.size(), 6);
    painter.put(record.area, kDim);
    painter.pad(record.area.size(), kAreaWidth);
    painter.put(" ");
    painter.put(to_sentence(record.text));
    for (const Field& field : record.fields) append_field(painter, field);
}

// The characters of `text` that JSON must not hold as they are, and none that is no UTF-8.
void append_json_text(std::string& line, std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char c = text.front();
        if (length == 0) {
            line += "\xEF\xBF\xBD";
            text.remove_prefix(1);
            continue;
        }
        if (c == '"' || c == '\\') {
            (line += '\\') += c;
        } else if (c == '\n') {
            line += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            append_printed(line, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
            line += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
}

void append_json_value(std::string& line, const Field& field) {
    switch (field.kind) {
        case Field::Kind::text: line += quote_json(field.text); break;
        case Field::Kind::integer: append_number(line, field.integer); break;
        case Field::Kind::real:
            if (std::isfinite(field.real)) {
                append_number(line, field.real);
            } else {
                line += "null";
            }
            break;
        case Field::Kind::boolean: line += field.integer ? "true" : "false"; break;
    }
}

bool is_fixed(std::string_view key) { return key == "time" || key == "level" || key == "area" || key == "text"; }

}  // namespace

std::string format_text(const Record& record, std::optional<WallTime> time, bool colour) {
    std::string line;
    Painter painter(line, colour);
    if (time) {
        const Moment moment = take_apart(*time, true);
        std::string stamp;
        append_printed(stamp, "%02d:%02d:%02d.%03d", moment.calendar.tm_hour, moment.calendar.tm_min,
                       moment.calendar.tm_sec, static_cast<int>(moment.microseconds / 1000));
        painter.put(stamp, kDim);
        painter.put(" ");
    }
    if (record.area == "access" && find(record, "status")) {
        append_access(painter, record);
    } else {
        append_sentence(painter, record);
    }
    line += '\n';
    return line;
}

std::string format_json(const Record& record, std::optional<WallTime> time) {
    std::string line = "{";
    if (time) {
        const Moment moment = take_apart(*time, false);
        append_printed(line, R"("time":"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",)", moment.calendar.tm_year + 1900,
                       moment.calendar.tm_mon + 1, moment.calendar.tm_mday, moment.calendar.tm_hour,
                       moment.calendar.tm_min, moment.calendar.tm_sec, static_cast<int>(moment.microseconds));
    }
    (line += R"("level":)") += quote_json(log::name(record.level));
    (line += R"(,"area":)") += quote_json(record.area);
    (line += R"(,"text":)") += quote_json(record.text);
    for (const Field& field : record.fields) {
        line += ',';
        line += quote_json(is_fixed(field.key) ? std::string(field.key) + '_' : std::string(field.key));
        line += ':';
        append_json_value(line, field);
    }
    line += "}\n";
    return line;
}

std::string quote_json(std::string_view text) {
    std::string quoted = "\"";
    append_json_text(quoted, text);
    quoted += '"';
    return quoted;
}

std::string format_bytes(uint64_t bytes) {
    constexpr std::string_view kUnits[] = {" B", " kB", " MB", " GB", " TB"};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 999.95 && unit + 1 < std::size(kUnits)) {
        value /= 1000;
        ++unit;
    }
    std::string text;
    append_printed(text, unit == 0 ? "%.0f" : "%.1f", value);
    return text.append(kUnits[unit]);
}

}  // namespace bine::app
