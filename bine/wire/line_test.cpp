#include "bine/wire/line.h"

#include <doctest/doctest.h>

#include <string>

#include "bine/wire/guarded_input.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;

static_assert(Protocol<Line>);

namespace {

std::string render(const Line::Event& event) {
    return event.kind == Line::Event::Kind::line ? "<" + std::string(event.bytes) + ">" : std::string(event.bytes);
}

Transcript run(std::string_view input, Line::Options options = {}) {
    return split_input(input, [options] { return Line(options); }, render);
}

// A line that is a number announces so many raw bytes.
std::string announce(Line& line, const Line::Event& event) {
    if (event.kind == Line::Event::Kind::line && !event.bytes.empty()) line.take(std::stoull(std::string(event.bytes)));
    return render(event);
}

}  // namespace

TEST_CASE("lines come without their delimiter") {
    CHECK(run("one\r\ntwo\r\n") == Transcript{"<one><two>", "", {}, ""});
    CHECK(run("\r\n\r\n") == Transcript{"<><>", "", {}, ""});
    CHECK(run("") == Transcript{});
    CHECK(run("a\rb\nc\r\r\n") == Transcript{"<a\rb\nc\r>", "", {}, ""});
    CHECK(run("one\ntwo\n", {.delimiter = "\n"}) == Transcript{"<one><two>", "", {}, ""});
    CHECK(run("one\r\n", {.delimiter = "\n"}) == Transcript{"<one\r>", "", {}, ""});
    CHECK(run(std::string_view("a\0b\0", 4), {.delimiter = std::string_view("\0", 1)}).events == "<a><b>");
    CHECK(run("1--8<----8<--2--8<--", {.delimiter = "--8<--"}).events == "<1><><2>");
}

TEST_CASE("a delimiter of equal letters is found at its first place, however it is cut") {
    CHECK(run("xaaay", {.delimiter = "aa"}) ==
          Transcript{"<x>", "ay", Errc::end_of_stream, "the stream ends inside a line"});
    CHECK(run("aabaab", {.delimiter = "aab"}) == Transcript{"<><>", "", {}, ""});
    CHECK(run("xaabaaab", {.delimiter = "aab"}) == Transcript{"<x><a>", "", {}, ""});
}

TEST_CASE("a stream that ends inside a line is an error, and the tail is left") {
    CHECK(run("one\r\ntw") == Transcript{"<one>", "tw", Errc::end_of_stream, "the stream ends inside a line"});
    CHECK(run("\r") == Transcript{"", "\r", Errc::end_of_stream, "the stream ends inside a line"});
}

TEST_CASE("a line may be as long as the limit and not one byte longer") {
    for (std::string_view delimiter : {"\n", "\r\n", "12345678"}) {
        CAPTURE(delimiter);
        const Line::Options options{.delimiter = delimiter, .limit = 5};
        const std::string end(delimiter);
        CHECK(run("abcde" + end + "x" + end, options) == Transcript{"<abcde><x>", "", {}, ""});
        CHECK(run("x" + end + "abcdef" + end, options) ==
              Transcript{"<x>", "", Errc::limit_exceeded, "a line is too long"});
        CHECK(run(std::string(100, 'a'), options) == Transcript{"", "", Errc::limit_exceeded, "a line is too long"});
        CHECK(run(end, {.delimiter = delimiter, .limit = 0}) == Transcript{"<>", "", {}, ""});
        CHECK(run("abc" + end, {.delimiter = delimiter, .limit = SIZE_MAX}) == Transcript{"<abc>", "", {}, ""});
    }
}

TEST_CASE("after an error a line protocol answers the same for ever") {
    Line line({.limit = 1});
    std::string_view input = "abcd";
    Line::Event event;
    CHECK(line.next(input, event) == Step::error);
    input = "\r\n";
    CHECK(line.next(input, event) == Step::error);
    CHECK(line.error().is(Errc::limit_exceeded));
    CHECK(line.end().error().is(Errc::limit_exceeded));
}

TEST_CASE("take lets so many bytes through raw and goes back to lines") {
    const auto make = [] { return Line(); };
    CHECK(split_input("5\r\nab\r\nc\r\n3\r\nxyz", make, announce) == Transcript{"<5>ab\r\nc<><3>xyz", "", {}, ""});
    CHECK(split_input("0\r\n\r\n", make, announce) == Transcript{"<0><>", "", {}, ""});
    CHECK(split_input("5\r\nab", make, announce) ==
          Transcript{"<5>ab", "", Errc::end_of_stream, "the stream ends before all of the raw bytes came"});
    CHECK(split_input("18446744073709551615\r\nall \r\n of it", make, announce) ==
          Transcript{"<18446744073709551615>all \r\n of it", "", {}, ""});
}

TEST_CASE("raw bytes say how many are still to come, and take(0) returns to lines") {
    Line line;
    line.take(5);
    std::string_view input = "abc";
    Line::Event event;
    REQUIRE(line.next(input, event) == Step::event);
    CHECK(event.kind == Line::Event::Kind::raw);
    CHECK(event.left == 2);
    line.take(0);
    input = "de\r\n";
    REQUIRE(line.next(input, event) == Step::event);
    CHECK(event.kind == Line::Event::Kind::line);
    CHECK(event.bytes == "de");
}

TEST_CASE("raw bytes can begin with the tail of a line that was not finished") {
    Line line;
    std::string_view input = "half";
    Line::Event event;
    REQUIRE(line.next(input, event) == Step::need_more);
    line.take(6);
    input = "half\r\nx";
    REQUIRE(line.next(input, event) == Step::event);
    CHECK(event.bytes == "half\r\n");
    CHECK(line.next(input, event) == Step::need_more);
    CHECK(line.end().error().is(Errc::end_of_stream));
}

TEST_CASE("what is sent is the same line on the other side") {
    for (std::string_view delimiter : {"\n", "\r\n", "aa", "aab", "abab"}) {
        for (std::string_view text : {"", "hello", "a", "x\r", "xa", "ab", "aba", "b"}) {
            CAPTURE(delimiter);
            CAPTURE(text);
            Output output;
            const Line line({.delimiter = delimiter});
            const Result<> sent = line.send(text, output);
            if (!sent) {
                CHECK(sent.error().is(Errc::local_protocol));
                CHECK(output.empty());
                CHECK((std::string(text) + std::string(delimiter)).find(delimiter) < text.size());
                continue;
            }
            CHECK(run(output.to_string(), {.delimiter = delimiter}) ==
                  Transcript{"<" + std::string(text) + ">", "", {}, ""});
        }
    }
}

TEST_CASE("a line that holds the delimiter cannot be sent") {
    Output output;
    for (std::string_view evil : {"a\r\nQUIT", "\r\n", "a\r\n"}) {
        CHECK(Line().send(evil, output).error().is(Errc::local_protocol));
    }
    CHECK(Line({.delimiter = "aa"}).send("xa", output).error().is(Errc::local_protocol));
    CHECK(Line().send("a\rb\nc", output));
    CHECK(output.to_string() == "a\rb\nc\r\n");
}

TEST_CASE("bytes of a line are scanned once") {
    for (std::string_view delimiter : {"\n", "\r\n", "12345678"}) {
        GuardedInput input;
        Line line({.delimiter = delimiter});
        Line::Event event;
        std::string_view bytes = input.first();
        REQUIRE(line.next(bytes, event) == Step::need_more);
        input.forbid_front();
        for (std::size_t size = bytes.size(); size < input.whole().size() - 8; ++size) {
            bytes = input.whole().substr(0, size);
            REQUIRE(line.next(bytes, event) == Step::need_more);
        }
        delimiter.copy(input.data() + input.whole().size() - 8, delimiter.size());
        bytes = input.whole();
        REQUIRE(line.next(bytes, event) == Step::event);
        CHECK(event.bytes.size() == input.whole().size() - 8);
    }
}
