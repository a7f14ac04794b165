#include "bine/client/cookie_jar.h"

#include <doctest/doctest.h>

#include <string>

#include "bine/client/public_suffix.h"

using namespace bine;
using namespace bine::http;
using namespace std::chrono_literals;

namespace {

constexpr WallTime kNow{1'700'000'000s};
constexpr CookiePlace kExample{"www.example.com", "/dir/page", true};

// What the jar says of the cookie: empty when it keeps it.
std::string kept(CookieJar& jar, std::string_view cookie, const CookiePlace& from = kExample, WallTime now = kNow) {
    const std::size_t before = jar.size();
    const Result<> result = jar.set(cookie, from, now);
    if (result) return "";
    CHECK(jar.size() == before);
    return result.error().text();
}

// What is sent to `to` when `from` has set these.
std::string sent(std::initializer_list<std::string_view> cookies, const CookiePlace& to,
                 const CookiePlace& from = kExample) {
    CookieJar jar;
    for (const std::string_view cookie : cookies) CHECK(kept(jar, cookie, from) == "");
    return jar.header(to, kNow);
}

}  // namespace

TEST_CASE("a cookie goes back to the host that set it, and to no other") {
    CHECK(sent({"a=1"}, kExample) == "a=1");
    CHECK(sent({"a=1"}, {"WWW.Example.COM", "/dir/page", true}) == "a=1");
    CHECK(sent({"a=1"}, {"example.com", "/dir/page", true}) == "");
    CHECK(sent({"a=1"}, {"sub.www.example.com", "/dir/page", true}) == "");
    CHECK(sent({"a=1"}, {"other.com", "/dir/page", true}) == "");
}

TEST_CASE("a cookie with a domain goes to all below it") {
    for (const std::string_view cookie : {"a=1; Domain=example.com", "a=1; domain=.EXAMPLE.com"}) {
        CHECK(sent({cookie}, kExample) == "a=1");
        CHECK(sent({cookie}, {"example.com", "/dir/", true}) == "a=1");
        CHECK(sent({cookie}, {"deep.sub.example.com", "/dir/", true}) == "a=1");
        CHECK(sent({cookie}, {"notexample.com", "/dir/", true}) == "");
    }
}

TEST_CASE("nobody sets cookies for others, or for a public suffix") {
    CookieJar jar;
    CHECK(kept(jar, "a=1; Domain=other.com") == "a cookie is not kept: its Domain is not that of its sender");
    CHECK(kept(jar, "a=1; Domain=sub.www.example.com") != "");
    CHECK(kept(jar, "a=1; Domain=ample.com") != "");
    CHECK(kept(jar, "a=1; Domain=com") == "a cookie is not kept: its Domain belongs to many");
    CHECK(kept(jar, "a=1; Domain=co.uk", {"shop.co.uk", "/", true}) != "");
    CHECK(kept(jar, "a=1; Domain=github.io", {"me.github.io", "/", true}) != "");
    CHECK(jar.size() == 0);

    // The suffix itself may, for itself alone.
    CHECK(kept(jar, "a=1; Domain=github.io", {"github.io", "/", true}) == "");
    CHECK(jar.header({"me.github.io", "/", true}, kNow) == "");
    CHECK(jar.header({"github.io", "/", true}, kNow) == "a=1");
    CHECK(kept(jar, "b=1; Domain=localhost", {"localhost", "/", true}) == "");
    CHECK(jar.header({"localhost", "/", true}, kNow) == "b=1");
}

TEST_CASE("addresses are hosts without domains") {
    CHECK(sent({"a=1"}, {"192.0.2.1", "/", true}, {"192.0.2.1", "/", true}) == "a=1");
    CHECK(sent({"a=1; Domain=192.0.2.1"}, {"192.0.2.1", "/", true}, {"192.0.2.1", "/", true}) == "a=1");
    CHECK(sent({"a=1"}, {"::1", "/", true}, {"[::1]", "/", true}) == "a=1");
    CookieJar jar;
    CHECK(kept(jar, "a=1; Domain=2.1", {"192.0.2.1", "/", true}) != "");
    CHECK(kept(jar, "a=1; Domain=.0.2.1", {"192.0.2.1", "/", true}) != "");
}

TEST_CASE("a path is one of folders") {
    CHECK(sent({"a=1"}, {"www.example.com", "/dir", true}) == "a=1");
    CHECK(sent({"a=1"}, {"www.example.com", "/dir/other?q=/x#f", true}) == "a=1");
    CHECK(sent({"a=1"}, {"www.example.com", "/directory", true}) == "");
    CHECK(sent({"a=1"}, {"www.example.com", "/", true}) == "");
    CHECK(sent({"a=1; Path=/"}, {"www.example.com", "", true}) == "a=1");
    CHECK(sent({"a=1; Path=/d/"}, {"www.example.com", "/d", true}) == "");
    CHECK(sent({"a=1; Path=/d/"}, {"www.example.com", "/d/e", true}) == "a=1");
    CHECK(sent({"a=1; Path=relative"}, {"www.example.com", "/dir/x", true}) == "a=1");
    CHECK(sent({"a=1"}, {"www.example.com", "/any/thing", true}, {"www.example.com", "/page", true}) == "a=1");
    CHECK(sent({"a=1"}, {"www.example.com", "/any", true}, {"www.example.com", "/?a=/b/c", true}) == "a=1");
}

TEST_CASE("longer paths go first, then older cookies") {
    CHECK(sent({"a=1; Path=/", "b=2; Path=/dir", "c=3; Path=/", "a=4; Path=/dir"}, kExample) == "b=2; a=4; a=1; c=3");
    // A new value is not a new cookie.
    CHECK(sent({"a=1", "b=2", "a=3"}, kExample) == "a=3; b=2");
    CHECK(sent({"a=1", "a=2; Domain=example.com"}, kExample) == "a=1; a=2");
    CHECK(sent({"value"}, kExample) == "value");
}

TEST_CASE("a Secure cookie needs TLS both ways") {
    CHECK(sent({"a=1; Secure"}, kExample) == "a=1");
    CHECK(sent({"a=1; Secure"}, {"www.example.com", "/dir/page", false}) == "");
    CookieJar jar;
    const CookiePlace plain{"www.example.com", "/dir/page", false};
    CHECK(kept(jar, "a=1; Secure", plain) == "a cookie is not kept: it is Secure, but came without TLS");
    CHECK(kept(jar, "a=1", plain) == "");
    CHECK(kept(jar, "a=1; SameSite=None") != "");
    CHECK(kept(jar, "a=1; SameSite=None; Secure") == "");
}

TEST_CASE("who has no TLS cannot hide a Secure cookie") {
    CookieJar jar;
    REQUIRE(kept(jar, "a=1; Secure; Path=/login; Domain=example.com") == "");
    const CookiePlace plain{"www.example.com", "/", false};
    CHECK(kept(jar, "a=2; Path=/login/en", plain) != "");
    CHECK(kept(jar, "a=2; Path=/login", {"example.com", "/", false}) != "");
    CHECK(kept(jar, "a=2; Path=/", plain) == "");
    CHECK(kept(jar, "b=2; Path=/login", plain) == "");
    CHECK(kept(jar, "a=2; Path=/login", kExample) == "");
}

TEST_CASE("prefixes of names hold what they promise") {
    CookieJar jar;
    CHECK(kept(jar, "__Secure-a=1") != "");
    CHECK(kept(jar, "__secure-a=1; Secure") == "");
    CHECK(kept(jar, "__Host-a=1; Secure; Path=/") == "");
    CHECK(kept(jar, "__Host-a=1; Secure; Path=/", {"www.example.com", "/", false}) != "");
    CHECK(kept(jar, "__Host-a=1; Path=/") != "");
    CHECK(kept(jar, "__HOST-a=1; Secure") != "");
    CHECK(kept(jar, "__Host-a=1; Secure; Path=/x") != "");
    CHECK(kept(jar, "__Host-a=1; Secure; Path=/; Domain=www.example.com") != "");
    CHECK(kept(jar, "=__Host-a=1; Secure; Path=/") != "");
    CHECK(kept(jar, "__Secure-a; Secure") != "");
}

TEST_CASE("a cookie ends at its time, and Max-Age goes before Expires") {
    CookieJar jar;
    CHECK(kept(jar, "a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT") == "");
    CHECK(jar.header(kExample, kNow + 9s) == "a=1");
    CHECK(jar.header(kExample, kNow + 10s) == "");
    CHECK(jar.size() == 0);

    CHECK(kept(jar, "a=1") == "");
    CHECK(kept(jar, "b=1; Expires=Tue, 14 Nov 2023 22:13:30 GMT") == "");
    CHECK(jar.header(kExample, kNow + 9s) == "a=1; b=1");
    CHECK(jar.header(kExample, kNow + 10s) == "a=1");
    CHECK(jar.cookies().at(0).is_of_session());
}

TEST_CASE("a cookie that has ended removes the one before it") {
    CookieJar jar;
    CHECK(kept(jar, "a=1") == "");
    CHECK(kept(jar, "a=; Max-Age=0; Path=/other") == "");
    CHECK(jar.size() == 1);
    CHECK(kept(jar, "a=; Max-Age=0") == "");
    CHECK(jar.size() == 0);
    CHECK(kept(jar, "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT") == "");
    CHECK(jar.size() == 0);
}

TEST_CASE("no cookie lives longer than allowed") {
    CookieJar jar(CookieJar::Options{.longest_life = 100s});
    CHECK(kept(jar, "a=1; Max-Age=2147483647") == "");
    CHECK(kept(jar, "b=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT") == "");
    CHECK(jar.header(kExample, kNow + 99s) == "a=1; b=1");
    CHECK(jar.header(kExample, kNow + 100s) == "");
}

TEST_CASE("too many cookies of a site push out those used least recently") {
    CookieJar jar(CookieJar::Options{.most_per_site = 3});
    CHECK(kept(jar, "a=1; Path=/a") == "");
    CHECK(kept(jar, "b=1; Path=/b") == "");
    CHECK(kept(jar, "c=1; Path=/c", {"sub.example.com", "/", true}) == "");
    CHECK(jar.header({"www.example.com", "/a", true}, kNow) == "a=1");
    CHECK(kept(jar, "d=1; Path=/d") == "");
    CHECK(jar.size() == 3);
    CHECK(jar.header({"www.example.com", "/b", true}, kNow) == "");
    CHECK(jar.header({"www.example.com", "/a", true}, kNow) == "a=1");
    // Those that have ended go before others.
    CHECK(kept(jar, "e=1; Path=/e; Max-Age=1") == "");
    CHECK(kept(jar, "f=1; Path=/f", kExample, kNow + 5s) == "");
    CHECK(jar.header({"www.example.com", "/a", true}, kNow + 5s) == "a=1");
    CHECK(jar.size() == 3);
}

TEST_CASE("too many cookies in all push out those used least recently, and one site is no way to it") {
    CookieJar jar(CookieJar::Options{.most_per_site = 10, .most = 20});
    CHECK(kept(jar, "mine=1") == "");
    for (int i = 0; i < 100; ++i) {
        const std::string host = "h" + std::to_string(i) + ".evil.com";
        CHECK(kept(jar, "a=1", {host, "/", true}) == "");
    }
    CHECK(jar.size() == 11);
    CHECK(jar.header(kExample, kNow) == "mine=1");
    for (int i = 0; i < 30; ++i) {
        const std::string host = "evil" + std::to_string(i) + ".com";
        CHECK(kept(jar, "a=1", {host, "/", true}) == "");
        CHECK(jar.size() <= 20);
    }
    CHECK(jar.size() == 20);
    CHECK(jar.header(kExample, kNow) == "");
    CHECK(jar.header({"evil29.com", "/", true}, kNow) == "a=1");
}

TEST_CASE("a jar is saved and loaded as curl does it") {
    CookieJar jar;
    CHECK(kept(jar, "a=1; Domain=example.com; Path=/; Secure; HttpOnly; Max-Age=100") == "");
    CHECK(kept(jar, "session=x=y\tz") == "");
    CHECK(kept(jar, "soon=1; Max-Age=1") == "");
    const std::string text = jar.save(kNow + 1s);
    CHECK(text ==
          "# Netscape HTTP Cookie File\n# Written by bine, read by curl and wget, too.\n\n"
          "#HttpOnly_.example.com\tTRUE\t/\tTRUE\t1700000100\ta\t1\n"
          "www.example.com\tFALSE\t/dir\tFALSE\t0\tsession\tx=y\tz\n");

    CookieJar other;
    REQUIRE(other.load(text, kNow));
    CHECK(other.save(kNow) == text);
    CHECK(other.header(kExample, kNow) == "session=x=y\tz; a=1");
    CHECK(other.header({"sub.example.com", "/", true}, kNow) == "a=1");
    CHECK(other.header(kExample, kNow + 100s) == "session=x=y\tz");
    REQUIRE(other.load(text, kNow));
    CHECK(other.size() == 2);
}

TEST_CASE("files of other programs are read") {
    CookieJar jar;
    REQUIRE(
        jar.load("# Netscape HTTP Cookie File\r\n\r\n.Example.com\tTRUE\t/\tFALSE\t9999999999999999999\ta\t\r\n"
                 "www.example.com\tfalse\t/\tfalse\t1699999999\told\t1\n"
                 "www.example.com\tFALSE\t/\tFALSE\t0\tb",
                 kNow));
    CHECK(jar.header(kExample, kNow) == "a=; b=");
    CHECK(jar.load("", kNow));
}

TEST_CASE("a line that is no cookie is named, and nothing is loaded") {
    for (const char* line :
         {"x", "a\tFALSE\t/\tFALSE\t0", "a\tmaybe\t/\tFALSE\t0\tn\tv", "a\tTRUE\t/\tyes\t0\tn\tv",
          "a\tTRUE\tx\tFALSE\t0\tn\tv", "a\tTRUE\t/\tFALSE\t-1\tn\tv", "\tTRUE\t/\tFALSE\t0\tn\tv",
          ".#a\tFALSE\t/\tFALSE\t0\tn\tv", "a b\tTRUE\t/\tFALSE\t0\tn\tv", "..a\tFALSE\t/\tFALSE\t0\tn\tv",
          "a\tTRUE\t/\tFALSE\t0\t\t", "a\tTRUE\t/\tFALSE\t0\tn\tv\rw"}) {
        CAPTURE(line);
        CookieJar jar;
        const Result<> result = jar.load("# head\ngood.com\tFALSE\t/\tFALSE\t0\tn\tv\n" + std::string(line), kNow);
        REQUIRE_FALSE(result);
        CHECK(result.error().text() == "line 3 is no cookie: seven fields with tabs between them are wanted");
        CHECK(jar.size() == 0);
    }
}

TEST_CASE("clearing leaves nothing") {
    CookieJar jar;
    CHECK(kept(jar, "a=1") == "");
    jar.clear();
    CHECK(jar.size() == 0);
    CHECK(jar.header(kExample, kNow) == "");
}

TEST_CASE("sites are registered domains") {
    CHECK(site_of("a.b.example.co.uk") == "example.co.uk");
    CHECK(site_of("example.com") == "example.com");
    CHECK(site_of("com") == "com");
    CHECK(site_of("192.0.2.1") == "192.0.2.1");
    CHECK(is_public_suffix("co.uk"));
    CHECK(is_public_suffix("unheard-of"));
    CHECK_FALSE(is_public_suffix("example.unheard-of"));
    CHECK_FALSE(is_public_suffix("::1"));
}
