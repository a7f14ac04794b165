#include "bine/net/wire_protocol.h"

#include <doctest/doctest.h>

#include <ctime>

#include "bine/net/line_protocol.h"
#include "bine/testing/expect.h"
#include "bine/testing/string_transport.h"
#include "tests/net/scene.h"

namespace bine::testing {
namespace {

// A line protocol that records, and does what the test says at each line.
class Lines final : public LineProtocol {
public:
    explicit Lines(wire::Line::Options options = wire::Line::Options()) : LineProtocol(options) {}

    using LineProtocol::lag;
    using LineProtocol::resume;
    using LineProtocol::send_line;
    using LineProtocol::take_raw;
    using LineProtocol::transport;
    using LineProtocol::upgrade;

    std::string text;
    Function<void(std::string_view)> on_line;
    Function<void()> on_failure;

private:
    void line_received(std::string_view line) override {
        text += std::string(line) + "|";
        if (on_line) on_line(line);
    }
    void raw_received(std::string_view bytes, uint64_t left) override {
        text += "raw " + std::string(bytes) + (left ? "~" : "|");
    }
    void protocol_failed(const Error& error) override {
        text += "failed: " + error.text();
        if (on_failure) {
            on_failure();
        } else {
            LineProtocol::protocol_failed(error);
        }
    }
    void input_ended() override {
        text += "end";
        LineProtocol::input_ended();
    }
};

struct LineScene {
    explicit LineScene(wire::Line::Options options = wire::Line::Options())
        : lines(transport.start(std::make_unique<Lines>(options))) {}
    StringTransport transport;
    Lines& lines;
};

TEST_CASE("lines are the same wherever the bytes are split") {
    constexpr std::string_view kInput = "one\r\n\r\ntwo\r\n";
    for (std::size_t split = 0; split <= kInput.size(); ++split) {
        LineScene scene;
        scene.transport.receive(kInput.substr(0, split));
        scene.transport.receive(kInput.substr(split));
        REQUIRE(scene.lines.text == "one||two|");
    }
    LineScene bytes;
    bytes.transport.receive_byte_by_byte(kInput);
    CHECK(bytes.lines.text == "one||two|");
}

TEST_CASE("what comes while an event turns the reactor, the end too, is told behind what came before") {
    LineScene scene;
    scene.lines.on_line = [&](std::string_view line) {
        if (line != "one") return;
        scene.transport.receive("thr");
        scene.transport.receive("ee\r\nfour\r\n");
        scene.transport.receive_end();
        scene.lines.text += "(one)";
    };
    scene.transport.receive("on");
    scene.transport.receive("e\r\ntwo\r\n");
    CHECK(scene.lines.text == "one|(one)two|three|four|end");
}

TEST_CASE("a line is sent with its delimiter, and one that holds it is not") {
    LineScene scene;
    CHECK(scene.lines.send_line("hello"));
    const auto refused = scene.lines.send_line("two\r\nlines");
    REQUIRE(!refused);
    CHECK(refused.error().is(Errc::local_protocol));
    CHECK(scene.transport.written() == "hello\r\n");
}

TEST_CASE("raw bytes between lines") {
    LineScene scene;
    scene.lines.on_line = [&](std::string_view line) {
        if (line == "raw") scene.lines.take_raw(5);
    };
    scene.transport.receive("raw\r\nab");
    scene.transport.receive("c\r\nline\r\n");
    CHECK(scene.lines.text == "raw|raw ab~raw c\r\n|line|");
}

TEST_CASE("a consumer that lags gets nothing until it resumes, and reading stops meanwhile") {
    LineScene scene;
    scene.lines.on_line = [&](std::string_view line) {
        if (line == "stop") scene.lines.lag();
    };
    scene.transport.receive("a\r\nstop\r\nb\r\nstop\r\nhalf");
    CHECK(scene.lines.text == "a|stop|");
    CHECK(scene.transport.reading_is_paused());
    scene.lines.resume();
    CHECK(scene.lines.text == "a|stop|b|stop|");
    CHECK(scene.transport.reading_is_paused());
    scene.lines.resume();
    CHECK(!scene.transport.reading_is_paused());
    scene.transport.receive(" a line\r\n");
    CHECK(scene.lines.text == "a|stop|b|stop|half a line|");
}

TEST_CASE("lag can be taken back inside the event") {
    LineScene scene;
    scene.lines.on_line = [&](std::string_view) {
        scene.lines.lag();
        scene.lines.resume();
    };
    scene.transport.receive("a\r\nb\r\nc");
    scene.transport.receive("\r\n");
    CHECK(scene.lines.text == "a|b|c|");
    CHECK(!scene.transport.reading_is_paused());
}

TEST_CASE("the end waits for a consumer that lags") {
    LineScene scene;
    scene.lines.on_line = [&](std::string_view) { scene.lines.lag(); };
    scene.transport.receive("a\r\nb\r\n");
    // What the adapter paused, the transport holds: an end that was under way before comes all the same.
    scene.transport.resume_reading();
    scene.transport.receive_end();
    CHECK(scene.lines.text == "a|");
    scene.lines.resume();
    CHECK(scene.lines.text == "a|b|");
    CHECK(!scene.transport.is_closing());
    scene.lines.resume();
    CHECK(scene.lines.text == "a|b|end");
    CHECK(scene.transport.is_closing());
}

TEST_CASE("the end in a good place closes, in the middle of a line it aborts") {
    LineScene good;
    good.transport.receive("a\r\n");
    good.transport.receive_end();
    CHECK(good.lines.text == "a|end");
    CHECK(good.transport.has_ended());

    LineScene cut;
    cut.transport.receive("a\r\nhalf");
    cut.transport.receive_end();
    CHECK(cut.lines.text.starts_with("a|failed: "));
    REQUIRE(cut.transport.reason());
    CHECK(cut.transport.reason()->error()->is(Errc::end_of_stream));
}

TEST_CASE("an error aborts with it, and nothing follows") {
    LineScene scene({.delimiter = "\r\n", .limit = 3});
    scene.transport.receive("abc\r\nabcdef\r\nabc\r\n");
    CHECK(scene.lines.text.starts_with("abc|failed: "));
    CHECK(scene.transport.is_aborted());
    CHECK(scene.transport.reason()->error()->is(Errc::limit_exceeded));
}

TEST_CASE("after an error of which the protocol makes something else nothing is read any more") {
    LineScene scene({.delimiter = "\r\n", .limit = 3});
    scene.lines.on_failure = [] {};
    scene.transport.receive("abcdef\r\n");
    const std::string text = scene.lines.text;
    scene.transport.receive("abc\r\n");
    scene.transport.receive_end();
    CHECK(scene.lines.text == text);
}

TEST_CASE("closing inside an event stops the rest") {
    LineScene scene;
    scene.lines.on_line = [&](std::string_view) { scene.lines.transport().close(); };
    scene.transport.receive("a\r\nb\r\n");
    CHECK(scene.lines.text == "a|");
}

TEST_CASE("at an upgrade the rest belongs to the next protocol, wherever the bytes are split") {
    constexpr std::string_view kInput = "a\r\nupgrade\r\nnot\r\na line";
    for (std::size_t split = 0; split <= kInput.size(); ++split) {
        Seen next;
        LineScene scene;
        scene.lines.on_line = [&](std::string_view line) {
            if (line == "upgrade") scene.lines.upgrade(std::make_unique<Recording>(next));
        };
        scene.transport.receive(kInput.substr(0, split));
        scene.transport.receive(kInput.substr(split));
        REQUIRE(next.received == "not\r\na line");
        scene.transport.receive_end();
        CHECK(next.has('e'));
    }
}

TEST_CASE("a protocol that lags and then upgrades leaves a connection that reads") {
    for (const bool later : {false, true}) {
        Seen next;
        LineScene scene;
        scene.lines.on_line = [&](std::string_view line) {
            if (line != "upgrade") return;
            scene.lines.lag();
            if (!later) scene.lines.upgrade(std::make_unique<Recording>(next));
        };
        scene.transport.receive("upgrade\r\nrest");
        if (later) {
            CHECK(next.events.empty());
            scene.lines.upgrade(std::make_unique<Recording>(next));
            scene.lines.resume();
        }
        CHECK(next.received == "rest");
        scene.transport.receive(", more");
        CHECK(next.received == "rest, more");
    }
}

TEST_CASE("an upgrade by the last line tells the next protocol of the end") {
    Seen next;
    LineScene scene;
    scene.lines.on_line = [&](std::string_view line) {
        line == "lag" ? scene.lines.lag() : scene.lines.upgrade(std::make_unique<Recording>(next));
    };
    scene.transport.receive("lag\r\nupgrade\r\nrest");
    scene.transport.resume_reading();
    scene.transport.receive_end();
    scene.lines.resume();
    CHECK(next.events == "mde");
    CHECK(next.received == "rest");
    CHECK(scene.transport.is_closing());
}

// Processor time of this thread, so that a busy machine does not matter.
double seconds_of(Function<void()> work) {
    const auto now = [] {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
    };
    const double begun = now();
    work();
    return now() - begun;
}

TEST_CASE("a consumer that lags after every event costs what the bytes cost, however many wait") {
    const auto cost = [](std::size_t count) {
        std::string input;
        for (std::size_t i = 0; i < count; ++i) input += "\n";
        return seconds_of([&] {
            LineScene scene({.delimiter = "\n", .limit = 100});
            std::size_t lines = 0;
            scene.lines.on_line = [&](std::string_view) {
                ++lines;
                scene.lines.lag();
            };
            scene.transport.receive(input);
            while (lines < count) scene.lines.resume();
        });
    };
    cost(1000);
    const double small = cost(20'000);
    const double large = cost(200'000);
    CAPTURE(small);
    CAPTURE(large);
    CHECK(large < small * 40);  // ten times the bytes; a hundred times were it quadratic
}

TEST_CASE("the tail keeps what is not used, and no memory when there is nothing") {
    InputTail tail;
    CHECK(tail.join("abc") == "abc");
    tail.keep(tail.join("abcdef").substr(4));
    CHECK(tail.join("") == "ef");
    std::string_view all = tail.join("ghij");
    CHECK(all == "efghij");
    tail.keep(all.substr(1));
    all = tail.join("");
    tail.keep(all.substr(3));
    CHECK(tail.join("kl") == "ijkl");
    tail.keep("");
    CHECK(tail.empty());
    CHECK(tail.join("x") == "x");
}

}  // namespace
}  // namespace bine::testing
