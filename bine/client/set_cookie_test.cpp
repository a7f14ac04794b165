#include "bine/client/set_cookie.h"

#include <doctest/doctest.h>

#include <string>

using namespace bine;
using namespace bine::http;
using namespace std::chrono_literals;

namespace {

int64_t seconds(std::string_view date) {
    const auto time = try_parse_cookie_date(date);
    return time ? std::chrono::floor<std::chrono::seconds>(time->time_since_epoch()).count() : -1;
}

}  // namespace

TEST_CASE("a cookie is a name, a value and attributes in any case and order") {
    const SetCookie cookie = parse_set_cookie(
                                 "  id = a=b ; SECURE;httponly ; Path = /x ;Domain=.Example.com; max-age=60;"
                                 "SameSite=lax; Expires=Wed, 09 Jun 2021 10:18:14 GMT; what=ever;;")
                                 .value();
    CHECK(cookie.name == "id");
    CHECK(cookie.value == "a=b");
    CHECK(cookie.secure);
    CHECK(cookie.http_only);
    CHECK(cookie.path == "/x");
    CHECK(cookie.domain == "Example.com");
    CHECK(cookie.max_age == 60);
    CHECK(cookie.same_site == SameSite::lax);
    CHECK(cookie.expires == WallTime(1623233894s));

    const SetCookie plain = parse_set_cookie("a=").value();
    CHECK(plain.name == "a");
    CHECK(plain.value.empty());
    CHECK_FALSE(plain.secure);
    CHECK_FALSE(plain.max_age);
    CHECK_FALSE(plain.expires);
    CHECK(plain.same_site == SameSite::unset);
}

TEST_CASE("a cookie may have no name, and its value may have quotes") {
    CHECK(parse_set_cookie("value; Path=/").value().name.empty());
    CHECK(parse_set_cookie("value").value().value == "value");
    CHECK(parse_set_cookie("=v").value().value == "v");
    CHECK(parse_set_cookie("a=\"b;c\"").value().value == "\"b");
}

TEST_CASE("cookies that nobody could send back are refused") {
    CHECK(parse_set_cookie("").error().is(Errc::invalid_argument));
    CHECK(parse_set_cookie("=").error().is(Errc::invalid_argument));
    CHECK(parse_set_cookie(" ; Path=/").error().is(Errc::invalid_argument));
    for (const char c : {'\0', '\r', '\n', '\x1f', '\x7f'}) {
        CHECK(parse_set_cookie(std::string("a=b") + c).error().is(Errc::invalid_argument));
        CHECK(parse_set_cookie(std::string("a=b; Path=/") + c + "x").error().is(Errc::invalid_argument));
    }
    CHECK(parse_set_cookie("a=b\tc").value().value == "b\tc");
}

TEST_CASE("long cookies are refused and long attributes skipped") {
    CHECK(parse_set_cookie("a=" + std::string(4095, 'b')));
    CHECK(parse_set_cookie("a=" + std::string(4096, 'b')).error().is(Errc::limit_exceeded));
    CHECK(parse_set_cookie("a=b; Path=/" + std::string(1023, 'p')).value().path.size() == 1024);
    CHECK(parse_set_cookie("a=b; Path=/" + std::string(1024, 'p')).value().path.empty());
}

TEST_CASE("Max-Age is a whole number; the last attribute of a name holds") {
    CHECK(parse_set_cookie("a=b; Max-Age=0").value().max_age == 0);
    CHECK(parse_set_cookie("a=b; Max-Age=-5").value().max_age == 0);
    CHECK(parse_set_cookie("a=b; Max-Age=99999999999999999999").value().max_age == INT32_MAX);
    for (const char* wrong : {"", "-", "+5", "5s", "5.0", "0x5", "five"}) {
        CHECK_FALSE(parse_set_cookie("a=b; Max-Age=" + std::string(wrong)).value().max_age);
    }
    CHECK(parse_set_cookie("a=b; Max-Age=1; Max-Age=2; Max-Age=x").value().max_age == 2);
    CHECK(parse_set_cookie("a=b; Path=/x; Path=").value().path.empty());
}

TEST_CASE("dates are read in every form that servers write") {
    CHECK(seconds("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
    CHECK(seconds("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777);
    CHECK(seconds("Sun Nov  6 08:49:37 1994") == 784111777);
    CHECK(seconds("Wed, 09-Jun-2021 10:18:14 GMT") == 1623233894);
    CHECK(seconds("10:18:14 9 June 21") == 1623233894);
    CHECK(seconds("2021 jUN 09th 10:18:14.5") == 1623233894);
    CHECK(seconds("Thu, 01-Jan-1970 00:00:00 GMT") == 0);
    CHECK(seconds("Thu, 01 Jan 1699 00:00:00 GMT") == 0);
    CHECK(seconds("Fri, 31 Dec 9999 23:59:59 GMT") == 7289654399);
    CHECK(seconds("1 Jan 69 0:0:0") == 3124224000);
}

TEST_CASE("what is no date is none") {
    for (const char* wrong :
         {"", "0", "tomorrow", "Sun, 06 Nov 1994", "06 Nov 1994 24:00:00", "06 Nov 1994 08:60:00", "06 Nov 1994 08:49",
          "31 Feb 2021 00:00:00", "32 Jan 2021 00:00:00", "0 Jan 2021 00:00:00", "06 Nov 1600 08:49:37",
          "06 Nov 19945 08:49:37", "06 Nox 1994 08:49:37", "06 Nov 1994 08:49:371"}) {
        CAPTURE(wrong);
        CHECK(seconds(wrong) == -1);
    }
}
