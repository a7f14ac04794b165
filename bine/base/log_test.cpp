#include "bine/base/log.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "bine/base/descriptor.h"

using namespace bine;
using namespace std::chrono_literals;

namespace {

// Collects the lines of one test, and puts the old sink and level back.
class Capture {
public:
    Capture()
        : previous_(log::set_sink([this](const log::Record& record) {
              lines.push_back(std::string(log::name(record.level)) + " " + std::string(record.area) + ": " +
                              log::to_line(record));
          })) {}
    ~Capture() {
        log::set_sink(std::move(previous_));
        log::set_level(log::Level::info);
    }
    std::vector<std::string> lines;

private:
    log::Sink previous_;
};

}  // namespace

TEST_CASE("a record reaches the sink with its level, area, text and fields") {
    Capture capture;
    log::info("http", "listening", {{"endpoint", "tcp:8080"}, {"fds", 3}, {"tls", false}, {"load", 0.5}});
    log::warning("net", "accept paused");
    log::error("reactor", "a callback threw");
    REQUIRE(capture.lines.size() == 3);
    CHECK(capture.lines[0] == "info http: listening endpoint=tcp:8080 fds=3 tls=false load=0.5");
    CHECK(capture.lines[1] == "warning net: accept paused");
    CHECK(capture.lines[2] == "error reactor: a callback threw");
}

TEST_CASE("what is below the level is dropped before the sink") {
    Capture capture;
    log::debug("x", "not seen");
    CHECK(!log::enabled(log::Level::debug));
    log::set_level(log::Level::debug);
    log::debug("x", "seen");
    log::set_level(log::Level::error);
    log::warning("x", "not seen");
    log::error("x", "seen too");
    REQUIRE(capture.lines.size() == 2);
    CHECK(capture.lines[0] == "debug x: seen");
    CHECK(capture.lines[1] == "error x: seen too");
}

TEST_CASE("an empty sink swallows everything") {
    log::Sink old = log::set_sink(nullptr);
    log::error("x", "nobody hears this");
    CHECK(!log::set_sink(std::move(old)));
}

TEST_CASE("the first sink writes warnings and errors to standard error, one line each") {
    log::Sink first = log::set_sink(nullptr);
    char name[] = "/tmp/bine-log-XXXXXX";
    const Descriptor file(::mkostemp(name, 0));
    REQUIRE(file);
    ::unlink(name);
    const Descriptor saved(::dup(STDERR_FILENO));
    REQUIRE(::dup2(file.get(), STDERR_FILENO) == STDERR_FILENO);
    first({log::Level::info, "http", "not written", {}});
    first({log::Level::warning, "net", "accept\npaused", {}});
    first({log::Level::error, "reactor", "a callback threw", {}});
    REQUIRE(::dup2(saved.get(), STDERR_FILENO) == STDERR_FILENO);
    log::set_sink(std::move(first));

    std::array<char, 256> written;
    const ssize_t size = ::pread(file.get(), written.data(), written.size(), 0);
    REQUIRE(size > 0);
    CHECK(std::string_view(written.data(), static_cast<std::size_t>(size)) ==
          "warning net: accept\\npaused\nerror reactor: a callback threw\n");
}

TEST_CASE("hostile values cannot break a line or a terminal") {
    const log::Field fields[] = {
        {"path", "/a\r\nerror fake: line"}, {"agent", "\x1b[2J"}, {"empty", ""}, {"two", "two words"}, {"pair", "a=b"},
    };
    CHECK(log::to_line({log::Level::info, "http", "got\na request", fields}) ==
          "got\\na request path=\"/a\\r\\nerror fake: line\" agent=\\x1b[2J empty=\"\" two=\"two words\" pair=\"a=b\"");
}

TEST_CASE("numbers of every kind are written in full") {
    const log::Field fields[] = {
        {"least", std::numeric_limits<int64_t>::min()},
        {"most", std::numeric_limits<int64_t>::max()},
        {"small", uint8_t{200}},
        {"char", 'a'},
        {"real", -1.25e-300},
    };
    CHECK(log::to_line({log::Level::info, "", "n", fields}) ==
          "n least=-9223372036854775808 most=9223372036854775807 small=200 char=97 real=-1.25e-300");
}

TEST_CASE("levels have names") {
    CHECK(log::name(log::Level::debug) == "debug");
    CHECK(log::name(log::Level::error) == "error");
}

TEST_CASE("a limit lets one line pass per interval and counts what it held") {
    log::Limit limit(10s);
    const TimePoint start{100s};
    CHECK(limit.allow(start) == 0);
    CHECK(limit.allow(start) == -1);
    CHECK(limit.allow(start + 9999ms) == -1);
    CHECK(limit.allow(start + 10s) == 2);
    CHECK(limit.allow(start + 11s) == -1);
    CHECK(limit.allow(start + 60s) == 1);
    CHECK(limit.allow(start + 120s) == 0);
}

TEST_CASE("a limit allows its first line at the very beginning of time") {
    log::Limit limit;
    CHECK(limit.allow(TimePoint{}) == 0);
    CHECK(limit.allow(TimePoint{}) == -1);
}

TEST_CASE("several threads may ask for the level while one sets it") {
    Capture capture;
    std::thread other([] {
        for (int i = 0; i < 1000; ++i) log::debug("x", "dropped");
    });
    for (int i = 0; i < 1000; ++i) log::set_level(i % 2 == 0 ? log::Level::info : log::Level::error);
    other.join();
    CHECK(capture.lines.empty());
}
