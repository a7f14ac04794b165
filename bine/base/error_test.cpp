#include "bine/base/error.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <stdexcept>
#include <thread>

#include "bine/base/result.h"

using namespace bine;

TEST_CASE("an error says its text, its code and its place") {
    const Error error(Errc::not_found, "no endpoint named \"tpc\"");
    CHECK(error.text() == "no endpoint named \"tpc\"");
    CHECK(std::string(error.what()) == error.text());
    CHECK(error.is(Errc::not_found));
    CHECK(!error.is(Errc::closed));
    CHECK(error.cause() == nullptr);
    CHECK(to_string(error.place()) == "bine/base/error_test.cpp:14");
}

TEST_CASE("an error without a text takes the words of its code") {
    CHECK(Error(Errc::timed_out, "").text() == "timed out");
    CHECK(Error(std::make_error_code(std::errc::permission_denied), "").text() ==
          std::make_error_code(std::errc::permission_denied).message());
}

TEST_CASE("every code has words of its own") {
    for (int code = 1; code <= static_cast<int>(Errc::broken); ++code) {
        CHECK(make_error_code(static_cast<Errc>(code)).message() != "unknown error");
        for (int other = 1; other < code; ++other) {
            CHECK(make_error_code(static_cast<Errc>(code)).message() !=
                  make_error_code(static_cast<Errc>(other)).message());
        }
    }
    CHECK(std::error_code(99, category()).message() == "unknown error");
    CHECK(std::string(category().name()) == "bine");
    const std::error_code converted = Errc::closed;
    CHECK(converted == make_error_code(Errc::closed));
}

TEST_CASE("a code of the same number in another category is another code") {
    CHECK(!Error::from_errno(1, "").is(Errc::closed));
    CHECK(!Error(Errc::closed, "").is_errno(1));
}

TEST_CASE("an errno keeps its number and the system's words") {
    const Error error = Error::from_errno(EADDRINUSE, "listen on port 7000");
    CHECK(error.is_errno(EADDRINUSE));
    CHECK(error.text() == "listen on port 7000: " + std::system_category().message(EADDRINUSE));
    CHECK(Error::from_errno(ENOENT, "").text() == std::system_category().message(ENOENT));
}

TEST_CASE("context goes in front and keeps code, place and cause") {
    const Error inner = Error::from_exception(std::make_exception_ptr(std::runtime_error("bad day")));
    const Error outer = inner.with_context("load config").with_context("start");
    CHECK(outer.text() == "start: load config: bad day");
    CHECK(outer.code() == inner.code());
    CHECK(outer.place().line() == inner.place().line());
    CHECK_THROWS_AS(outer.rethrow(), std::runtime_error);
}

TEST_CASE("any exception becomes an error and comes back as it was") {
    const Error standard = Error::from_exception(std::make_exception_ptr(std::out_of_range("seven")));
    CHECK(standard.is(Errc::broken));
    CHECK(standard.text() == "seven");
    CHECK_THROWS_AS(standard.rethrow(), std::out_of_range);

    const Error odd = Error::from_exception(std::make_exception_ptr(7));
    CHECK(odd.text() == "an exception that is no std::exception");
    CHECK_THROWS_AS(odd.rethrow(), int);

    const std::system_error refused(ECONNREFUSED, std::system_category(), "connect");
    const Error system = Error::from_exception(std::make_exception_ptr(refused));
    CHECK(system.is_errno(ECONNREFUSED));
    CHECK_THROWS_AS(system.rethrow(), std::system_error);
}

TEST_CASE("an Error that was thrown is caught as the same error") {
    const Error thrown(Errc::limit_exceeded, "too many");
    try {
        thrown.rethrow();
    } catch (...) {
        const Error caught = Error::from_current_exception();
        CHECK(caught.is(Errc::limit_exceeded));
        CHECK(caught.place().line() == thrown.place().line());
        CHECK(caught.cause() == nullptr);
    }
}

TEST_CASE("no exception at all is reported as a bug, not a crash") {
    CHECK(Error::from_exception(nullptr).is(Errc::broken));
    CHECK(Error::from_current_exception().is(Errc::broken));
}

TEST_CASE("copies of an error may be read and dropped in several threads") {
    const Error error(Errc::closed, "shared");
    std::thread other([copy = error] { CHECK(copy.text() == "shared"); });
    const Error moved = Error(error);
    other.join();
    CHECK(moved.text() == "shared");
}

TEST_CASE("a moved-from error may be assigned to") {
    Error first(Errc::closed, "first");
    Error second = std::move(first);
    first = Error(Errc::timed_out, "again");
    CHECK(first.is(Errc::timed_out));
    CHECK(second.is(Errc::closed));
}

TEST_CASE("fail makes a Result that carries the place of the failure") {
    const auto half = [](int number) -> Result<int> {
        if (number % 2 != 0) return fail(Errc::invalid_argument, "odd");
        return number / 2;
    };
    CHECK(half(4) == 2);
    REQUIRE(!half(3));
    CHECK(half(3).error().is(Errc::invalid_argument));
    CHECK(to_string(half(3).error().place()).starts_with("bine/base/error_test.cpp:"));
    const Result<> forwarded = fail(half(1).error());
    CHECK(forwarded.error().text() == "odd");
}
