#include "bine/app/get_request.h"

#include <doctest/doctest.h>

#include <array>

#include "bine/app/get_settings.h"
#include "bine/client/client_request.h"

namespace bine::app {
namespace {

constexpr std::array<std::byte, kGetChance> kChance{};

Url url_of(std::string_view text) {
    auto url = parse_get_url(text);
    REQUIRE(url);
    return *url;
}

http::ClientRequest request_of(const GetSettings& settings) {
    auto request = make_get_request(settings, url_of("http://example.org/"), kChance);
    REQUIRE(request);
    return std::move(*request);
}

TEST_CASE("a URL without a scheme is one of http, whatever its query looks like") {
    CHECK(url_of("example.org").to_string() == "http://example.org/");
    CHECK(url_of("localhost:8080/a").to_string() == "http://localhost:8080/a");
    CHECK(url_of("[::1]:8080").to_string() == "http://[::1]:8080/");
    CHECK(url_of("example.org/?to=https://x.org/").to_string() == "http://example.org/?to=https://x.org/");
    CHECK(url_of("https://example.org").to_string() == "https://example.org/");
    CHECK_FALSE(parse_get_url("ftp://example.org/"));
    CHECK_FALSE(parse_get_url(""));
}

TEST_CASE("the method follows from what is sent, unless it is given") {
    GetSettings settings;
    CHECK(request_of(settings).method() == "GET");
    settings.head = true;
    CHECK(request_of(settings).method() == "HEAD");
    settings = {};
    settings.data = {""};
    CHECK(request_of(settings).method() == "POST");
    CHECK(request_of(settings).has_body());
    settings.method = "PATCH";
    CHECK(request_of(settings).method() == "PATCH");
}

TEST_CASE("pieces of data are joined, and what the user says of their type goes first") {
    GetSettings settings;
    settings.data = {"a=1", "b=2"};
    http::ClientRequest request = request_of(settings);
    CHECK(request.make_body().to_string() == "a=1&b=2");
    CHECK(request.fields().value("Content-Type") == "application/x-www-form-urlencoded");
    settings.headers = {"content-type:  text/plain\t", "Host: other"};
    request = request_of(settings);
    CHECK(request.fields().value("Content-Type") == "text/plain");
    CHECK(request.host() == "other");
}

TEST_CASE("a field that would be two is an error") {
    GetSettings settings;
    settings.headers = {"A: b\r\nC: d"};
    CHECK_FALSE(make_get_request(settings, url_of("http://example.org/"), kChance));
}

TEST_CASE("the name of a file is the last part of the path, when that is one") {
    CHECK(remote_name(url_of("http://x/a/b.iso?c=/d#/e")) == "b.iso");
    CHECK(remote_name(url_of("http://x/a%20b")) == "a b");
    for (const char* none : {"http://x/", "http://x/a/", "http://x/a%2fb", "http://x/%00", "http://x/..%2F"}) {
        CAPTURE(none);
        const auto name = remote_name(url_of(none));
        REQUIRE_FALSE(name);
        CHECK(name.error().is(Errc::invalid_argument));
    }
}

}  // namespace
}  // namespace bine::app
