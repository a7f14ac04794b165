#include "bine/base/text.h"

#include <doctest/doctest.h>

#include <array>

using namespace bine;
using namespace std::literals;

TEST_CASE("decimal numbers are digits and nothing else") {
    struct Row {
        std::string_view text;
        std::optional<uint64_t> value;
    };
    static constexpr std::array kRows = {
        Row{"0", 0},
        Row{"7", 7},
        Row{"007", 7},
        Row{"65535", 65535},
        Row{"18446744073709551615", UINT64_MAX},
        Row{"18446744073709551616", std::nullopt},
        Row{"99999999999999999999", std::nullopt},
        Row{"00000000000000000000001", 1},
        Row{"", std::nullopt},
        Row{"+1", std::nullopt},
        Row{"-1", std::nullopt},
        Row{"-0", std::nullopt},
        Row{"0x10", std::nullopt},
        Row{"1e3", std::nullopt},
        Row{"1_000", std::nullopt},
        Row{"1,000", std::nullopt},
        Row{" 1", std::nullopt},
        Row{"1 ", std::nullopt},
        Row{"\t1", std::nullopt},
        Row{"1\n", std::nullopt},
        Row{"1.0", std::nullopt},
        Row{"a", std::nullopt},
        Row{"\0"sv, std::nullopt},
        Row{"1\0"sv, std::nullopt},
        Row{"\xd9\xa1", std::nullopt},  // an Arabic-Indic digit
    };
    for (const Row& row : kRows) {
        CAPTURE(row.text);
        CHECK(try_parse_decimal(row.text) == row.value);
    }
    CHECK(try_parse_decimal({}) == std::nullopt);
    CHECK(try_parse_decimal("65535", 65535) == 65535);
    CHECK(try_parse_decimal("65536", 65535) == std::nullopt);
}

TEST_CASE("hexadecimal numbers are digits of either case and nothing else") {
    CHECK(try_parse_hex("ff") == 255);
    CHECK(try_parse_hex("Fe") == 254);
    CHECK(try_parse_hex("ffffffffffffffff") == UINT64_MAX);
    for (std::string_view text : {"", "0x1", "+1", "-1", " 1", "1 ", "g", "10000000000000000"}) {
        CAPTURE(text);
        CHECK(try_parse_hex(text) == std::nullopt);
    }
    CHECK(try_parse_hex("10", 15) == std::nullopt);
}

TEST_CASE("case is ignored for ASCII letters only") {
    CHECK(equals_ignoring_case("Keep-Alive", "kEEP-aLIVE"));
    CHECK(equals_ignoring_case("", ""));
    CHECK(!equals_ignoring_case("a", "ab"));
    CHECK(!equals_ignoring_case("@", "`"));
    CHECK(!equals_ignoring_case("[", "{"));
    CHECK(!equals_ignoring_case("\xc4", "\xe4"));
    CHECK(to_lower("AZ[@\xc4") == "az[@\xc4");
}

TEST_CASE("escape leaves text alone and makes the rest visible") {
    CHECK(escape("plain text") == "plain text");
    CHECK(escape("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\xb1") ==
          "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\xb1");
    CHECK(escape("a\r\n\tb") == "a\\r\\n\\tb");
    CHECK(escape("\x1b[31m") == "\\x1b[31m");
    CHECK(escape("\x7f") == "\\x7f");
    CHECK(escape("\0"sv) == "\\x00");
    CHECK(escape("\"\\") == "\\\"\\\\");
    CHECK(escape("\xff\xfe") == "\\xff\\xfe");
    CHECK(escape("a\xc3") == "a\\xc3");
    CHECK(escape("") == "");
}

TEST_CASE("escape shows controls that hide behind several bytes") {
    CHECK(escape("\xc2\x9b"
                 "31m") == "\\xc2\\x9b31m");
    CHECK(escape("\xc2\xa0") == "\xc2\xa0");
    CHECK(escape("\xe2\x80\xae") == "\\xe2\\x80\\xae");
    CHECK(escape("\xe2\x80\xa8") == "\\xe2\\x80\\xa8");
    CHECK(escape("\xe2\x80\xaf") == "\xe2\x80\xaf");
    CHECK(escape("\xe2\x81\xa6") == "\\xe2\\x81\\xa6");
    CHECK(escape("\xe2\x81\xaa") == "\xe2\x81\xaa");
    CHECK(escape("\xe2\x80\x94") == "\xe2\x80\x94");
}

TEST_CASE("a UTF-8 sequence is measured, and none when it is malformed") {
    CHECK(utf8_length("a") == 1);
    CHECK(utf8_length("\0"sv) == 1);
    CHECK(utf8_length("\x7f") == 1);
    CHECK(utf8_length("\xc2\x80") == 2);
    CHECK(utf8_length("\xdf\xbf") == 2);
    CHECK(utf8_length("\xe0\xa0\x80") == 3);
    CHECK(utf8_length("\xed\x9f\xbf") == 3);
    CHECK(utf8_length("\xee\x80\x80") == 3);
    CHECK(utf8_length("\xf0\x90\x80\x80") == 4);
    CHECK(utf8_length("\xf4\x8f\xbf\xbf") == 4);
    for (std::string_view bad : {
             "",                  // nothing
             "\x80",              // a continuation alone
             "\xc0\x80",          // overlong
             "\xc1\xbf",          // overlong
             "\xe0\x9f\xbf",      // overlong
             "\xf0\x8f\xbf\xbf",  // overlong
             "\xed\xa0\x80",      // a surrogate
             "\xf4\x90\x80\x80",  // beyond U+10FFFF
             "\xf5\x80\x80\x80",  // beyond U+10FFFF
             "\xff",              // never
             "\xc2",              // cut short
             "\xe2\x82",          // cut short
             "\xf0\x9f\x8c",      // cut short
             "\xc2z",             // no continuation
             "\xe2\x82z",         // no continuation
         }) {
        CAPTURE(escape(bad));
        CHECK(utf8_length(bad) == 0);
    }
}
