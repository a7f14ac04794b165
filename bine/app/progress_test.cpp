#include "bine/app/progress.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "bine/base/descriptor.h"
#include "bine/base/text.h"
#include "bine/reactor/reactor.h"
#include "bine/testing/manual_driver.h"

namespace bine::app {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kMega = 1024 * 1024;

std::size_t columns(std::string_view text) {
    std::size_t count = 0;
    for (; !text.empty(); ++count) text.remove_prefix(utf8_length(text));
    return count;
}

// A reactor whose time the test moves, and what is written to a descriptor.
struct Scene {
    Scene() : reactor(std::unique_ptr<Driver>(driver)) {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
        reading = Descriptor(ends[0]);
        writing = Descriptor(ends[1]);
    }

    std::string shown_after(Duration time) {
        driver->advance(time);
        reactor.turn(TimePoint::min());
        return shown();
    }
    std::string shown() const {
        std::string text(4096, ' ');
        const ssize_t count = ::read(reading.get(), text.data(), text.size());
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }

    testing::ManualDriver* driver = new testing::ManualDriver;
    Reactor reactor;
    Descriptor reading;
    Descriptor writing;
};

TEST_CASE("nothing is shown of what is over within half a second") {
    Scene scene;
    {
        Progress progress(scene.reactor, scene.writing.get(), "x", 1000);
        progress.add(1000);
        CHECK(scene.shown_after(499ms).empty());
    }
    CHECK(scene.shown_after(10s).empty());
}

TEST_CASE("what takes longer has a line, which is written again and wiped out at the end") {
    Scene scene;
    {
        Progress progress(scene.reactor, scene.writing.get(), "x\n", 2000);
        progress.add(500);
        CHECK(scene.shown_after(500ms).starts_with("\rx\\n   25% [====="));
        CHECK(scene.shown_after(199ms).empty());
        progress.add(500);
        const std::string again = scene.shown_after(1ms);
        CHECK(again.starts_with("\rx\\n   50% ["));
        CHECK(again.find("1000 B of 2.0 KiB  1.3 KiB/s  0:00 left\x1b[K") != again.npos);
        // Nothing comes: the rate falls.
        CHECK(scene.shown_after(200ms).find("  1.0 KiB/s") != std::string::npos);
    }
    CHECK(scene.shown() == "\r\x1b[K");
}

TEST_CASE("sizes have the unit that leaves the fewest digits") {
    CHECK(size_in_words(0) == "0 B");
    CHECK(size_in_words(1023) == "1023 B");
    CHECK(size_in_words(1024) == "1.0 KiB");
    CHECK(size_in_words(27 * kMega + kMega / 2) == "27.5 MiB");
    CHECK(size_in_words(UINT64_MAX) == "16.0 EiB");
}

TEST_CASE("a line shows name, part, bar, size, rate and what is left") {
    const ProgressState state{.name = "large.iso", .done = 12 * kMega, .total = 24 * kMega, .rate = 4.0 * kMega};
    CHECK(progress_line(state, 90) ==
          "large.iso   50% [==============>              ] 12.0 MiB of 24.0 MiB  4.0 MiB/s  0:03 left");
    CHECK(progress_line(state, 60) == "large.iso   50% 12.0 MiB of 24.0 MiB  4.0 MiB/s  0:03 left");
}

TEST_CASE("without a length there is no bar and no end") {
    const ProgressState state{.name = "a", .done = 5, .total = std::nullopt, .rate = 2048};
    CHECK(progress_line(state, 80) == "a  5 B  2.0 KiB/s");
}

TEST_CASE("before a rate is known, and when all is there, nothing is said about the rest") {
    CHECK(progress_line({.name = "a", .done = 0, .total = 10}, 44) == "a    0% [>                     ] 0 B of 10 B");
    CHECK(progress_line({.name = "a", .done = 10, .total = 10, .rate = 5}, 30) == "a  100% 10 B of 10 B  5 B/s");
    CHECK(progress_line({.name = "a", .done = 11, .total = 10}, 20) == "a  100% 11 B of 10 B");
    CHECK(progress_line({.name = "a", .done = 0, .total = 0}, 20) == "a    0% 0 B of 0 B");
}

TEST_CASE("what would take for ever has no end") {
    const std::string line = progress_line({.name = "a", .done = 1, .total = UINT64_MAX, .rate = 1}, 80);
    CHECK(line.find("left") == line.npos);
    CHECK(progress_line({.name = "", .done = 0, .total = 7300, .rate = 1}, 60).find("2:01:40 left") != line.npos);
}

TEST_CASE("no line is wider than the terminal, and no name is cut within a character") {
    for (const std::string_view name :
         {"", "a", "a name that is much longer than any terminal of the common kind is wide, really",
          "äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü"}) {
        for (std::size_t width = 0; width < 140; ++width) {
            const std::string line =
                progress_line({.name = name, .done = 3 * kMega, .total = 9 * kMega, .rate = 1e6}, width);
            CAPTURE(line);
            REQUIRE(columns(line) <= width);
        }
    }
}

}  // namespace
}  // namespace bine::app
