#include "bine/app/log_format.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include <limits>
#include <vector>

namespace bine::app {
namespace {

using log::Field;
using log::Level;
using log::Record;

// 2001-09-09T01:46:40.012345678Z
constexpr WallTime kTime{std::chrono::seconds(1'000'000'000) + std::chrono::nanoseconds(12'345'678)};

struct UtcZone {
    UtcZone() {
        ::setenv("TZ", "UTC0", 1);
        ::tzset();
    }
};

std::string text(const Record& record, bool colour = false) {
    const UtcZone zone;
    return format_text(record, kTime, colour);
}

TEST_CASE("a record for people is one line with time, level, area, sentence and values") {
    const std::vector<Field> fields{{"url", "http://127.0.0.1:8080/"}, {"count", 3}, {"on", true}, {"share", 0.25}};
    CHECK(text({Level::info, "serve", "listening", fields}) ==
          "01:46:40.012 info  serve   listening url=http://127.0.0.1:8080/ count=3 on=true share=0.25\n");
}

TEST_CASE("a record without a time has no column for it") {
    CHECK(format_text({Level::error, "serve", "no", {}}, {}, false) == "error serve   no\n");
}

TEST_CASE("values that a reader could misread are quoted, and control bytes escaped") {
    const std::vector<Field> fields{{"a", "two words"}, {"b", ""}, {"c", "x\n\x1b[31m"}};
    CHECK(text({Level::warning, "net", "odd\nvalues", fields}) ==
          "01:46:40.012 warn  net     odd\\nvalues a=\"two words\" b=\"\" c=x\\n\\x1b[31m\n");
}

TEST_CASE("quotes in a sentence stay as they are, backslashes do not") {
    CHECK(format_text({Level::info, "a", "is \"x\" or \"\\\" \"", {}}, {}, false) ==
          "info  a       is \"x\" or \"\\\\\" \"\n");
}

TEST_CASE("an access record shows status, request, size, time and peer, then the rest") {
    const std::vector<Field> fields{{"peer", "127.0.0.1:5"}, {"method", "GET"}, {"target", "/a?b"},
                                    {"status", 200},         {"bytes", 5120},   {"microseconds", 314},
                                    {"agent", "Mozilla/5"},  {"id", 7}};
    CHECK(text({Level::info, "access", "answered", fields}) ==
          "01:46:40.012 200 GET /a?b 5.1 kB 0.31 ms 127.0.0.1:5 id=7\n");
}

TEST_CASE("times of answers are short at every size") {
    const auto shown = [](int64_t microseconds) {
        const std::vector<Field> fields{{"status", 200}, {"microseconds", microseconds}};
        return format_text({Level::info, "access", "", fields}, {}, false);
    };
    CHECK(shown(0) == "200\n");
    CHECK(shown(21) == "200 0.021 ms\n");
    CHECK(shown(42'400) == "200 42 ms\n");
    CHECK(shown(1'234'000) == "200 1.2 s\n");
}

TEST_CASE("colour marks the level and the status, and changes no text") {
    const std::vector<Field> fields{{"status", 404}, {"method", "GET"}};
    const std::string line = text({Level::info, "access", "answered", fields}, true);
    CHECK(line.find("\x1b[33m404\x1b[0m") != line.npos);
    CHECK(text({Level::error, "net", "broken", {}}, true).find("\x1b[31merror\x1b[0m") != line.npos);
}

TEST_CASE("a record for programs is one JSON object a line, in UTC") {
    const std::vector<Field> fields{{"url", "http://[::1]/"}, {"count", -3}, {"on", false}, {"share", 0.25}};
    CHECK(format_json({Level::info, "serve", "listening", fields}, kTime) ==
          R"({"time":"2001-09-09T01:46:40.012345Z","level":"info","area":"serve","text":"listening",)"
          R"("url":"http://[::1]/","count":-3,"on":false,"share":0.25})"
          "\n");
}

TEST_CASE("JSON holds any text: quotes, control bytes, what is no UTF-8") {
    CHECK(quote_json("a\"b\\c\n\t\x01\x7f") == R"("a\"b\\c\n\u0009\u0001\u007f")");
    CHECK(quote_json("gr\xc3\xbc\xc3\x9f") == "\"gr\xc3\xbc\xc3\x9f\"");
    CHECK(quote_json("a\xff\xc3z") == "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"");
}

TEST_CASE("JSON has one member of each fixed name, and no number that is none") {
    const std::vector<Field> fields{{"time", "now"}, {"text", 1}, {"x", std::numeric_limits<double>::infinity()}};
    CHECK(format_json({Level::debug, "a", "b", fields}, {}) ==
          R"({"level":"debug","area":"a","text":"b","time_":"now","text_":1,"x":null})"
          "\n");
}

TEST_CASE("sizes are shown with one decimal and never as 1000 of a unit") {
    CHECK(format_bytes(0) == "0 B");
    CHECK(format_bytes(999) == "999 B");
    CHECK(format_bytes(1000) == "1.0 kB");
    CHECK(format_bytes(999'949) == "999.9 kB");
    CHECK(format_bytes(999'951) == "1.0 MB");
    CHECK(format_bytes(UINT64_MAX) == "18446744.1 TB");
}

}  // namespace
}  // namespace bine::app
