#include "bine/base/log.h"

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <string>
#include <utility>

#include "bine/base/text.h"

namespace bine::log {

namespace {

void write_to_standard_error(const Record& record) {
    if (record.level < Level::warning) return;
    std::string line(name(record.level));
    line += ' ';
    line += record.area;
    line += ": ";
    line += to_line(record);
    line += '\n';
    [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

Sink& sink() {
    // Never destroyed: destructors of other static objects may still log.
    static Sink& instance = *new Sink(write_to_standard_error);
    return instance;
}

std::atomic<Level> lowest{Level::info};

void append_value(std::string& line, const Field& field) {
    char digits[32];
    switch (field.kind) {
        case Field::Kind::text: {
            const std::string escaped = escape(field.text);
            const bool quoted = escaped.empty() || escaped.find_first_of(" =") != escaped.npos;
            if (quoted) line += '"';
            line += escaped;
            if (quoted) line += '"';
            break;
        }
        case Field::Kind::integer:
            line.append(digits, std::to_chars(digits, digits + sizeof digits, field.integer).ptr);
            break;
        case Field::Kind::real:
            line.append(digits, std::to_chars(digits, digits + sizeof digits, field.real).ptr);
            break;
        case Field::Kind::boolean: line += field.integer ? "true" : "false"; break;
    }
}

}  // namespace

std::string_view name(Level level) noexcept {
    switch (level) {
        case Level::debug: return "debug";
        case Level::info: return "info";
        case Level::warning: return "warning";
        case Level::error: return "error";
    }
    return "error";
}

Sink set_sink(Sink next) {
    Sink old = std::move(sink());
    sink() = std::move(next);
    return old;
}

void set_level(Level level) noexcept { lowest.store(level, std::memory_order_relaxed); }
bool enabled(Level level) noexcept { return level >= lowest.load(std::memory_order_relaxed); }

void write(Level level, std::string_view area, std::string_view text, std::span<const Field> fields) {
    if (!enabled(level) || !sink()) return;
    try {
        sink()(Record{level, area, text, fields});
    } catch (...) {
        // A line that cannot be written is dropped: whoever logs has worse to deal with.
    }
}

std::string to_line(const Record& record) {
    std::string line = escape(record.text);
    for (const Field& field : record.fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field);
    }
    return line;
}

int64_t Limit::allow(TimePoint now) noexcept {
    if (now < next_) {
        ++held_;
        return -1;
    }
    next_ = now + interval_;
    return std::exchange(held_, 0);
}

}  // namespace bine::log
