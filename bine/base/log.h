// What bine says of itself: structured lines to one sink. The `bine` command writes them in colour or as JSON; a
// program that links the library installs its own, and tests capture them.
//
// Calling log from any thread is safe once the sink is installed; a sink that several threads reach must lock.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "bine/base/function.h"
#include "bine/base/time.h"

namespace bine::log {

enum class Level : uint8_t { debug, info, warning, error };
std::string_view name(Level level) noexcept;

// A named value beside the sentence. Views are valid during the call only.
struct Field {
    enum class Kind : uint8_t { text, integer, real, boolean };

    Field(std::string_view name, std::string_view value) : key(name), kind(Kind::text), text(value) {}
    Field(std::string_view name, const char* value) : Field(name, std::string_view(value)) {}
    Field(std::string_view name, bool value) : key(name), kind(Kind::boolean), integer(value) {}
    Field(std::string_view name, double value) : key(name), kind(Kind::real), real(value) {}
    template <class Integer>
        requires std::is_integral_v<Integer>
    Field(std::string_view name, Integer value)
        : key(name), kind(Kind::integer), integer(static_cast<int64_t>(value)) {}

    std::string_view key;
    Kind kind;
    std::string_view text{};
    int64_t integer = 0;
    double real = 0;
};

struct Record {
    Level level;
    std::string_view area;  // who speaks: "reactor", "http", "access"
    std::string_view text;  // one sentence, without the values
    std::span<const Field> fields;
};

using Sink = Function<void(const Record&)>;

// Replaces the sink and returns the old one. The first one writes warnings and errors to standard error. Not
// thread-safe: install before threads start, or while none logs.
Sink set_sink(Sink sink);
// Records below `level` are dropped before their sink is called; info at first.
void set_level(Level level) noexcept;
bool enabled(Level level) noexcept;

void write(Level level, std::string_view area, std::string_view text, std::span<const Field> fields);

inline void debug(std::string_view area, std::string_view text, std::initializer_list<Field> fields = {}) {
    write(Level::debug, area, text, {fields.begin(), fields.size()});
}
inline void info(std::string_view area, std::string_view text, std::initializer_list<Field> fields = {}) {
    write(Level::info, area, text, {fields.begin(), fields.size()});
}
inline void warning(std::string_view area, std::string_view text, std::initializer_list<Field> fields = {}) {
    write(Level::warning, area, text, {fields.begin(), fields.size()});
}
inline void error(std::string_view area, std::string_view text, std::initializer_list<Field> fields = {}) {
    write(Level::error, area, text, {fields.begin(), fields.size()});
}

// "text key=value key="two words"", as the first sink and the terminal show a record; control bytes escaped.
std::string to_line(const Record& record);

// Lets one line pass per interval, so that hostile input cannot fill a disk; the next line says how many were held.
class Limit {
public:
    explicit Limit(Duration interval = std::chrono::seconds(1)) : interval_(interval) {}

    // How many calls were refused since the last line, when a line may be written now; -1 otherwise.
    int64_t allow(TimePoint now) noexcept;

private:
    Duration interval_;
    TimePoint next_{};
    int64_t held_ = 0;
};

}  // namespace bine::log
