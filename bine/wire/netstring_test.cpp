#include "bine/wire/netstring.h"

#include <doctest/doctest.h>

#include <string>

#include "bine/wire/guarded_input.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;
using namespace std::literals;

static_assert(Protocol<Netstring>);

namespace {

Transcript run(std::string_view input, std::size_t limit = 99999) {
    return split_input(
        input, [limit] { return Netstring({.limit = limit}); },
        [](const Netstring::Event& event) { return "<" + std::string(event.bytes) + ">"; });
}

}  // namespace

TEST_CASE("netstrings are read one after the other") {
    CHECK(run("5:hello,6:world!,") == Transcript{"<hello><world!>", "", {}, ""});
    CHECK(run("0:,0:,") == Transcript{"<><>", "", {}, ""});
    CHECK(run("12:3:abc,0:,12,,") == Transcript{"<3:abc,0:,12,>", "", {}, ""});
    CHECK(run("3:\0\r\n,"sv) == Transcript{"<\0\r\n>"s, "", {}, ""});
    CHECK(run("") == Transcript{});
}

TEST_CASE("the length of a netstring is digits without a leading zero") {
    for (std::string_view text : {":,", "+1:a,", "-1:a,", "0x1:a,", " 1:a,", "1 :a,", "1.0:a,", "a", ",", "\x01",
                                  "1\n:a,", "1,a", "\xd9\xa1:a,"}) {
        CAPTURE(text);
        CHECK(run(text) == Transcript{"", "", Errc::remote_protocol, "the length of a netstring is no number"});
    }
    for (std::string_view text : {"00:,", "01:a,", "007:aaaaaaa,", "0000000000000000000000001:a,"}) {
        CAPTURE(text);
        CHECK(run(text) == Transcript{"", "", Errc::remote_protocol, "the length of a netstring has a leading zero"});
    }
    for (std::string_view text : {"99999999999999999999:", "18446744073709551617:a,", "100000", "100000:"}) {
        CAPTURE(text);
        CHECK(run(text) == Transcript{"", "", Errc::limit_exceeded, "a netstring is too long"});
    }
}

TEST_CASE("a length over the limit is refused before its bytes come") {
    CHECK(run("5:hello,", 5) == Transcript{"<hello>", "", {}, ""});
    CHECK(run("6", 5).is(Errc::limit_exceeded));
    CHECK(run("10", 9).is(Errc::limit_exceeded));
    CHECK(run("0:,1", 0) == Transcript{"<>", "", Errc::limit_exceeded, "a netstring is too long"});
    CHECK(run("18446744073709551615:", SIZE_MAX).is(Errc::end_of_stream));
    CHECK(run("18446744073709551616:", SIZE_MAX).is(Errc::limit_exceeded));
}

TEST_CASE("a netstring ends in a comma") {
    CHECK(run("5:hello;") == Transcript{"", "", Errc::remote_protocol, "no comma behind a netstring"});
    CHECK(run("1:a,2:abc,") == Transcript{"<a>", "", Errc::remote_protocol, "no comma behind a netstring"});
}

TEST_CASE("a netstring that is cut short is an error at the end of the stream") {
    const std::string_view whole = "3:abc,";
    for (std::size_t size = 1; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(run(whole.substr(0, size)) == Transcript{"", std::string(whole.substr(0, size)), Errc::end_of_stream,
                                                       "the stream ends inside a netstring"});
    }
}

TEST_CASE("whatever is sent comes out again") {
    Output output;
    const Netstring netstring;
    for (std::string_view text : {""sv, "hello"sv, "1:a,"sv, "\0\xff"sv}) REQUIRE(netstring.send(text, output));
    CHECK(output.to_string() == "0:,5:hello,4:1:a,,2:\0\xff,"s);
    CHECK(run(output.to_string()).events == "<><hello><1:a,><\0\xff>"s);
}

TEST_CASE("bytes of a netstring are not looked at before all are there") {
    GuardedInput input;
    const std::string prefix = std::to_string(input.whole().size() - 10) + ":";
    prefix.copy(input.data(), prefix.size());
    Netstring netstring;
    Netstring::Event event;
    std::string_view bytes = input.first();
    REQUIRE(netstring.next(bytes, event) == Step::need_more);
    input.forbid_front();
    for (std::size_t size = bytes.size(); size < input.whole().size() - 10 + prefix.size() + 1; ++size) {
        bytes = input.whole().substr(0, size);
        REQUIRE(netstring.next(bytes, event) == Step::need_more);
    }
}
