#include "bine/wire/length_prefixed.h"

#include <doctest/doctest.h>

#include <string>

#include "bine/wire/guarded_input.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;
using namespace std::literals;

static_assert(Protocol<LengthPrefixed>);
using Width = LengthPrefixed::Width;

namespace {

Transcript run(std::string_view input, LengthPrefixed::Options options = {}) {
    return split_input(
        input, [options] { return LengthPrefixed(options); },
        [](const LengthPrefixed::Event& event) { return "<" + std::string(event.bytes) + ">"; });
}

}  // namespace

TEST_CASE("messages are read behind a big-endian length of any width") {
    CHECK(run("\x02hi\x00\x01!"sv, {.width = Width::one}) == Transcript{"<hi><><!>", "", {}, ""});
    CHECK(run("\x00\x02hi\x00\x00"sv, {.width = Width::two}) == Transcript{"<hi><>", "", {}, ""});
    CHECK(run("\x00\x00\x00\x02hi\x00\x00\x00\x00"sv) == Transcript{"<hi><>", "", {}, ""});
    CHECK(run("\x00\x00\x00\x00\x00\x00\x00\x02hi"sv, {.width = Width::eight}) == Transcript{"<hi>", "", {}, ""});
    CHECK(run("\x01\x00"s + std::string(256, 'a'), {.width = Width::two}).events == "<" + std::string(256, 'a') + ">");
    CHECK(run("") == Transcript{});
}

TEST_CASE("a message over the limit is refused when its prefix is there") {
    const Transcript refused{"", "", Errc::limit_exceeded, "a message is too long"};
    CHECK(run("\x05hello", {Width::one, 5}) == Transcript{"<hello>", "", {}, ""});
    CHECK(run("\x06", {Width::one, 5}) == refused);
    CHECK(run("\xff\xff", {Width::two, 65534}) == refused);
    CHECK(run("\xff\xff\xff\xff") == refused);
    CHECK(run("\x80\x00\x00\x00"sv) == refused);
    CHECK(run("\xff\xff\xff\xff\xff\xff\xff\xff", {.width = Width::eight}) == refused);
    CHECK(run("\x00\x01"sv, {Width::two, 0}) == refused);
    CHECK(run("\x00\x00"sv, {Width::two, 0}) == Transcript{"<>", "", {}, ""});
    CHECK(run("\xff\xff\xff\xff\xff\xff\xff\xff!", {Width::eight, SIZE_MAX}).is(Errc::end_of_stream));
}

TEST_CASE("a message that is cut short is an error at the end of the stream") {
    const std::string_view whole =
        "\x00\x00\x00\x03"
        "abc"sv;
    for (std::size_t size = 1; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(run(whole.substr(0, size)) == Transcript{"", std::string(whole.substr(0, size)), Errc::end_of_stream,
                                                       "the stream ends inside a message"});
    }
}

TEST_CASE("whatever is sent comes out again, in every width") {
    for (Width width : {Width::one, Width::two, Width::four, Width::eight}) {
        Output output;
        const LengthPrefixed protocol({.width = width});
        for (std::string_view text : {""sv, "hello"sv, "\0\xff"sv}) REQUIRE(protocol.send(text, output));
        CHECK(run(output.to_string(), {.width = width}).events == "<><hello><\0\xff>"s);
    }
    Output output;
    REQUIRE(LengthPrefixed().send("hi", output));
    CHECK(output.to_string() == "\x00\x00\x00\x02hi"s);
}

TEST_CASE("a message that does not fit its prefix cannot be sent") {
    Output output;
    CHECK(LengthPrefixed({.width = Width::one}).send(std::string(255, 'a'), output));
    CHECK(LengthPrefixed({.width = Width::two}).send(std::string(65535, 'a'), output));
    output.clear();
    CHECK(LengthPrefixed({.width = Width::one}).send(std::string(256, 'a'), output).error().is(Errc::local_protocol));
    CHECK(LengthPrefixed({.width = Width::two}).send(std::string(65536, 'a'), output).error().is(Errc::local_protocol));
    CHECK(output.empty());
}

TEST_CASE("bytes of a message are not looked at before all are there") {
    GuardedInput input('\0');
    input.data()[2] = static_cast<char>((input.whole().size() - 4) >> 8);
    input.data()[3] = static_cast<char>((input.whole().size() - 4) & 255);
    LengthPrefixed protocol;
    LengthPrefixed::Event event;
    std::string_view bytes = input.first();
    REQUIRE(protocol.next(bytes, event) == Step::need_more);
    bytes = input.whole().substr(0, input.whole().size() - 1);
    REQUIRE(protocol.next(bytes, event) == Step::need_more);
    bytes = input.whole();
    REQUIRE(protocol.next(bytes, event) == Step::event);
    CHECK(event.bytes.size() == input.whole().size() - 4);
}
