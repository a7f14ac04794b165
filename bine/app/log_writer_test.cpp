#include "bine/app/log_writer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bine/base/descriptor.h"
#include "bine/reactor/reactor.h"
#include "bine/reactor/workers.h"
#include "bine/testing/captured_logs.h"
#include "bine/testing/manual_driver.h"
#include "bine/testing/temp_folder.h"

namespace bine::app {
namespace {

using log::Level;

struct Pipe {
    Pipe() {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        reading = Descriptor(ends[0]);
        writing = Descriptor(ends[1]);
        REQUIRE(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    }
    // All that is in it.
    std::string take() {
        std::string taken;
        char piece[4096];
        for (ssize_t count; (count = ::read(reading.get(), piece, sizeof piece)) > 0;) {
            taken.append(piece, static_cast<std::size_t>(count));
        }
        return taken;
    }

    Descriptor reading;
    Descriptor writing;
};

struct Variable {
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* old = ::getenv(name)) old_ = old;
        ::setenv(name, value, 1);
    }
    ~Variable() {
        if (old_) {
            ::setenv(name_, old_->c_str(), 1);
        } else {
            ::unsetenv(name_);
        }
    }
    const char* name_;
    std::optional<std::string> old_;
};

struct Loop {
    Reactor reactor{std::make_unique<testing::ManualDriver>()};
    void turn() { reactor.turn(TimePoint::min()); }
    void advance(Duration time) {
        static_cast<testing::ManualDriver&>(reactor.driver()).advance(time);
        turn();
    }
};

constexpr LogStyle kText{LogFormat::text, false};
constexpr LogStyle kJson{LogFormat::json, false};

TEST_CASE("without a reactor each line leaves at once, without a time") {
    Pipe pipe;
    LogWriter writer(pipe.writing.get(), kText);
    writer.write({Level::info, "serve", "one", {}});
    CHECK(pipe.take() == "info  serve   one\n");
    writer.write("as it stands\n");
    CHECK(pipe.take() == "as it stands\n");
}

TEST_CASE("with a reactor the lines of a turn leave together in the next, with its time") {
    Pipe pipe;
    LogWriter writer(pipe.writing.get(), kJson);
    Loop loop;
    writer.attach(loop.reactor);
    writer.write({Level::info, "a", "one", {}});
    writer.write({Level::info, "a", "two", {}});
    CHECK(pipe.take().empty());
    loop.turn();
    CHECK(pipe.take() == R"({"time":"2001-09-09T01:46:40.000000Z","level":"info","area":"a","text":"one"})"
                         "\n"
                         R"({"time":"2001-09-09T01:46:40.000000Z","level":"info","area":"a","text":"two"})"
                         "\n");
    writer.detach();
}

TEST_CASE("warnings and errors leave at once: a crash may follow") {
    Pipe pipe;
    LogWriter writer(pipe.writing.get(), kText);
    Loop loop;
    writer.attach(loop.reactor);
    writer.write({Level::info, "a", "first", {}});
    writer.write({Level::error, "a", "second", {}});
    const std::string taken = pipe.take();
    CHECK(taken.find("first") < taken.find("second"));
    CHECK(taken.find("second") != taken.npos);
    writer.detach();
}

TEST_CASE("detaching writes what is held") {
    Pipe pipe;
    LogWriter writer(pipe.writing.get(), kText);
    {
        Loop loop;
        writer.attach(loop.reactor);
        writer.write({Level::info, "a", "held", {}});
        writer.detach();
    }
    CHECK(pipe.take().find("held") != std::string::npos);
}

TEST_CASE("lines of other threads come through the reactor's mailbox") {
    Pipe pipe;
    LogWriter writer(pipe.writing.get(), kText);
    Loop loop;
    writer.attach(loop.reactor);
    std::thread([&] { writer.write({Level::info, "a", "from afar", {}}); }).join();
    CHECK(pipe.take().empty());
    loop.turn();
    CHECK(pipe.take().find("from afar") != std::string::npos);
    writer.detach();
}

TEST_CASE("workers write whole lines through one writer, and each line says whose it is") {
    constexpr int kLines = 500;
    constexpr std::size_t kWorkers = 3;
    const testing::TempFolder folder;
    const Descriptor file(::open(folder.path("log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    LogWriter writer(file.get(), kJson);
    run_workers(kWorkers, [&](Worker& worker) {
        writer.attach(worker.reactor(), worker.index() + 1);
        const std::string text(100, static_cast<char>('a' + worker.index()));
        for (int i = 0; i < kLines; ++i) {
            writer.write({Level::info, "a", text, {}});
            worker.reactor().turn(TimePoint::min());
        }
        writer.detach();
    });
    CHECK(writer.lost() == 0);
    std::ifstream lines(folder.path("log"));
    std::vector<int> seen(kWorkers);
    for (std::string line; std::getline(lines, line);) {
        const auto worker = static_cast<std::size_t>(line[line.find(R"("text":")") + 8] - 'a');
        REQUIRE(worker < kWorkers);
        const std::string text(100, static_cast<char>('a' + worker));
        CHECK(line.starts_with(R"({"time":")"));
        CHECK(line.ends_with("\"text\":\"" + text + "\",\"worker\":" + std::to_string(worker + 1) + "}"));
        ++seen[worker];
    }
    CHECK(seen == std::vector<int>(kWorkers, kLines));
}

TEST_CASE("text names the worker only to those who debug") {
    Pipe pipe;
    LogWriter writer(pipe.writing.get(), kText);
    Loop loop;
    writer.attach(loop.reactor, 2);
    writer.write({Level::info, "a", "one", {}});
    log::set_level(Level::debug);
    writer.write({Level::info, "a", "two", {}});
    log::set_level(Level::info);
    loop.turn();
    const std::string taken = pipe.take();
    CHECK(taken.find("one\n") != taken.npos);
    CHECK(taken.find("two worker=2\n") != taken.npos);
    writer.detach();
}

TEST_CASE("lines of other threads leave with another reactor when the one that was told of them has gone") {
    const testing::CapturedLogs quiet;  // it drops the call that was to write them
    Pipe pipe;
    LogWriter writer(pipe.writing.get(), kText);
    {
        Loop loop;
        writer.attach(loop.reactor);
        std::thread([&] { writer.write({Level::info, "a", "first", {}}); }).join();
        writer.detach();
        CHECK(pipe.take().find("first") != std::string::npos);
    }
    Loop next;
    writer.attach(next.reactor);
    std::thread([&] { writer.write({Level::info, "a", "second", {}}); }).join();
    next.turn();
    CHECK(pipe.take().find("second") != std::string::npos);
    writer.detach();
}

TEST_CASE("a reader that stalls holds nobody up; what it takes later is whole lines and the count of the lost") {
    Pipe pipe;
    REQUIRE(::fcntl(pipe.writing.get(), F_SETPIPE_SZ, 4096) >= 4096);
    LogWriter writer(pipe.writing.get(), kText);
    Loop loop;
    writer.attach(loop.reactor);
    const std::string long_text(1000, 'x');
    for (int i = 0; i < 2000; ++i) writer.write({Level::info, "a", long_text, {}});
    loop.turn();
    CHECK(writer.lost() > 900);

    std::string taken = pipe.take();
    for (int i = 0; i < 400; ++i) {
        loop.advance(std::chrono::milliseconds(50));
        taken += pipe.take();
    }
    CHECK(taken.ends_with("lines were lost: nobody took them in time lines=" + std::to_string(writer.lost()) + "\n"));
    const auto lines = static_cast<uint64_t>(std::count(taken.begin(), taken.end(), '\n'));
    CHECK(lines == 2000 - writer.lost() + 1);
    CHECK(taken.size() > 1000 * (lines - 1));
    writer.detach();
}

TEST_CASE("a reader that is gone costs its lines, and nothing is tried again") {
    Pipe pipe;
    Loop loop;  // makes a broken pipe an error instead of a signal
    LogWriter writer(pipe.writing.get(), kText);
    pipe.reading.reset();
    writer.attach(loop.reactor);
    for (int i = 0; i < 10; ++i) writer.write({Level::info, "a", "unheard", {}});
    loop.turn();
    CHECK(writer.lost() == 10);
    writer.write({Level::info, "a", "unheard", {}});
    CHECK(writer.lost() == 11);
    CHECK(loop.reactor.timers().empty());
    writer.detach();
}

TEST_CASE("a descriptor that is closed is given up") {
    LogWriter writer(987654, kText);
    writer.write({Level::error, "a", "unheard", {}});
    CHECK(writer.lost() == 1);
}

TEST_CASE("a full device costs lines but is tried again") {
    const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    REQUIRE(full);
    LogWriter writer(full.get(), kText);
    writer.write({Level::info, "a", "one", {}});
    writer.write({Level::info, "a", "two", {}});
    CHECK(writer.lost() >= 2);
}

TEST_CASE("a redirection takes the program's log and gives it back") {
    Pipe pipe;
    LogWriter writer(pipe.writing.get(), kText);
    std::string before;
    auto outer = log::set_sink([&](const log::Record& record) { before += record.text; });
    {
        const LogRedirection redirection(writer);
        log::info("a", "inside");
    }
    log::info("a", "outside");
    log::set_sink(std::move(outer));
    CHECK(pipe.take() == "info  a       inside\n");
    CHECK(before == "outside");
}

TEST_CASE("the style is JSON away from a terminal, unless asked otherwise") {
    Pipe pipe;
    CHECK(choose_log_style(LogFormat::automatic, pipe.writing.get()).format == LogFormat::json);
    const LogStyle forced = choose_log_style(LogFormat::text, pipe.writing.get());
    CHECK(forced.format == LogFormat::text);
    CHECK_FALSE(forced.colour);
}

TEST_CASE("the style is coloured text on a terminal, without colour for NO_COLOR and dumb terminals") {
    const Descriptor terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(terminal);
    const Variable term("TERM", "xterm");
    const Variable none("NO_COLOR", "");
    CHECK(choose_log_style(LogFormat::automatic, terminal.get()).format == LogFormat::text);
    CHECK(choose_log_style(LogFormat::automatic, terminal.get()).colour);
    CHECK_FALSE(choose_log_style(LogFormat::json, terminal.get()).colour);
    {
        const Variable set("NO_COLOR", "1");
        CHECK_FALSE(choose_log_style(LogFormat::automatic, terminal.get()).colour);
    }
    const Variable dumb("TERM", "dumb");
    CHECK_FALSE(choose_log_style(LogFormat::automatic, terminal.get()).colour);
}

}  // namespace
}  // namespace bine::app
