#include "bine/wire/http1/date.h"

#include <doctest/doctest.h>

namespace bine::http1 {
namespace {

WallTime at(int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

TEST_CASE("a date is written in the fixed form") {
    CHECK(format_date(at(0)).view() == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(format_date(at(784111777)).view() == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(format_date(at(951782399)).view() == "Mon, 28 Feb 2000 23:59:59 GMT");
    CHECK(format_date(at(951782400)).view() == "Tue, 29 Feb 2000 00:00:00 GMT");
    CHECK(format_date(at(-5)).view() == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(format_date(at(1) + std::chrono::milliseconds(999)).view() == "Thu, 01 Jan 1970 00:00:01 GMT");
}

TEST_CASE("the three forms say the same") {
    const WallTime now = at(1'700'000'000);
    CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", now) == at(784111777));
    CHECK(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now) == at(784111777));
    CHECK(parse_date("Sun Nov  6 08:49:37 1994", now) == at(784111777));
    CHECK(parse_date("Sun Nov 16 08:49:37 1994", now) == at(784111777 + 10 * 86400));
}

TEST_CASE("two digits are a year that is at most fifty years ahead") {
    const WallTime now = at(1'700'000'000);  // 2023
    CHECK(parse_date("Monday, 01-Jan-73 00:00:00 GMT", now) == parse_date("Mon, 01 Jan 2073 00:00:00 GMT"));
    CHECK(parse_date("Monday, 01-Jan-74 00:00:00 GMT", now) == parse_date("Mon, 01 Jan 1974 00:00:00 GMT"));
    CHECK(parse_date("Monday, 01-Jan-24 00:00:00 GMT", now) == parse_date("Mon, 01 Jan 2024 00:00:00 GMT"));
}

TEST_CASE("what is no date is none") {
    for (const std::string_view text : {"",
                                        "0",
                                        "now",
                                        "Sun, 06 Nov 1994 08:49:37",
                                        "Sun, 06 Nov 1994 08:49:37 CET",
                                        "Sun, 06 Nov 1994 08:49:37 GMT ",
                                        "Sun, 6 Nov 1994 08:49:37 GMT",
                                        "sun, 06 Nov 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 24:00:00 GMT",
                                        "Sun, 06 Nov 1994 08:60:00 GMT",
                                        "Sun, 06 Nov 1994 08:49:61 GMT",
                                        "Sun, 31 Nov 1994 08:49:37 GMT",
                                        "Sun, 29 Feb 1900 08:49:37 GMT",
                                        "Sun, 00 Nov 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1969 08:49:37 GMT",
                                        "Sun, 06 Nov 9999 08:49:37 GMT",
                                        "Sun, 06 Nov +994 08:49:37 GMT",
                                        "Sunday, 06-Nov-1994 08:49:37 GMT",
                                        "Sun Nov 6 08:49:37 1994",
                                        "Sun, 06  Nov 1994 08:49:37 GMT"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_date(text).has_value());
    }
}

TEST_CASE("every second that is written is read back") {
    for (int64_t second = 0; second < 9'000'000'000; second += 7'654'321)
        CHECK(parse_date(format_date(at(second)).view()) == at(second));
}

}  // namespace
}  // namespace bine::http1
