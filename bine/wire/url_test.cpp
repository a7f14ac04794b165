#include "bine/wire/url.h"

#include <doctest/doctest.h>

#include <string>

namespace bine {
namespace {

std::string normal(std::string_view text) {
    const Result<Url> url = Url::parse(text);
    return url ? url->to_string() : "refused: " + url.error().text();
}

bool refused(std::string_view text) { return !Url::parse(text).has_value(); }

TEST_CASE("a URL is taken apart") {
    const Result<Url> url = Url::parse("https://us%40er:p:w@Example.ORG:8443/a/b;c=1?d=e&f=/?#g?/h");
    REQUIRE(url);
    CHECK(url->scheme() == "https");
    CHECK(url->user() == "us@er");
    CHECK(url->password() == "p:w");
    CHECK(url->host() == "example.org");
    CHECK(url->port() == 8443);
    CHECK(url->path() == "/a/b;c=1");
    CHECK(url->query() == "d=e&f=/?");
    CHECK(url->fragment() == "g?/h");
    CHECK(url->target() == "/a/b;c=1?d=e&f=/?");
    CHECK(url->authority() == "example.org:8443");
    CHECK(url->host_and_port() == "example.org:8443");
    CHECK(url->origin() == "https://example.org:8443");
    CHECK(url->is_http());
    CHECK(url->is_secure());
    CHECK(url->to_string() == "https://example.org:8443/a/b;c=1?d=e&f=/?#g?/h");
    CHECK(url->with_credentials() == "https://us%40er:p%3Aw@example.org:8443/a/b;c=1?d=e&f=/?#g?/h");
}

TEST_CASE("what means the same is written the same") {
    CHECK(normal("HTTP://A.b") == "http://a.b/");
    CHECK(normal("http://a:80/") == "http://a/");
    CHECK(normal("http://a:/") == "http://a/");
    CHECK(normal("https://a:80/") == "https://a:80/");
    CHECK(normal("http://a?b") == "http://a/?b");
    CHECK(normal("http://a#b") == "http://a/#b");
    CHECK(normal("http://a/?") == "http://a/?");
    CHECK(normal("http://a/%7euser/%2fb%e4") == "http://a/~user/%2Fb%E4");
    CHECK(normal("http://a/./b/../c/.") == "http://a/c/");
    CHECK(normal("http://a/b/%2e%2E/c") == "http://a/c");
    CHECK(normal("http://a/../../b") == "http://a/b");
    CHECK(normal("http://a/b c\"<>^`{|}\\[]?d e'#f g") ==
          "http://a/b%20c%22%3C%3E%5E%60%7B%7C%7D%5C%5B%5D?d%20e'#f%20g");
    CHECK(normal("http://a/\xc3\xa4?\xc3\xb6") == "http://a/%C3%A4?%C3%B6");
    CHECK(normal("http://a/100%?50%2") == "http://a/100%25?50%252");
    CHECK(normal("http://a//b") == "http://a//b");
    CHECK(normal("http://a.b./") == "http://a.b./");
    CHECK(normal("http://127.0.0.1:8080") == "http://127.0.0.1:8080/");
    CHECK(normal("http://[0:0::1]:80") == "http://[::1]/");
    CHECK(normal("http://xn--bcher-kva.example/") == "http://xn--bcher-kva.example/");
    CHECK(normal("http://a_b.c-d/") == "http://a_b.c-d/");
    CHECK(normal("socks5://p:1080") == "socks5://p/");
    CHECK(normal("gopher://a:70/") == "gopher://a:70/");
}

TEST_CASE("a URL in its normal form stays as it is") {
    for (const std::string_view text : {"http://a/b%2Fc?d%20e=%25#f", "http://[fe80::1]:8080/?", "https://a.b/~c/d"}) {
        CHECK(normal(text) == text);
    }
}

TEST_CASE("an address with a zone is known by it, and others do not see it") {
    const Result<Url> url = Url::parse("http://[fe80::1%25eth0]:8080/");
    REQUIRE(url);
    CHECK(url->host() == "fe80::1%eth0");
    CHECK(url->host_is_ipv6());
    CHECK(url->authority() == "[fe80::1]:8080");
    CHECK(refused("http://[fe80::1%25]/"));
    CHECK(refused("http://[fe80::1%eth0]/"));
}

TEST_CASE("what is no URL is refused, and told why") {
    for (const std::string_view text : {"",
                                        "a",
                                        "/a",
                                        "//a/b",
                                        "http:",
                                        "http:a",
                                        "http:/a",
                                        "http://",
                                        "http:///a",
                                        "://a",
                                        "1http://a",
                                        "http://a:b/",
                                        "http://a:0/",
                                        "http://a:65536/",
                                        "http://a:-1/",
                                        "http://a:80:80/",
                                        "http://a b/",
                                        "http://a\\b/",
                                        "http://a%41/",
                                        "http://a..b/",
                                        "http://.a/",
                                        "http://./",
                                        "http://[::1/",
                                        "http://[::1]a/",
                                        "http://[a]/",
                                        "http://[127.0.0.1]/",
                                        "http://::1/",
                                        "http://a,b/",
                                        "http://a!/",
                                        "http://*/",
                                        "http://a/\n",
                                        "http://a\t/",
                                        "http://a/\x7f",
                                        "http://u s@a/",
                                        "http://u\\@a/",
                                        "http://good.example\\@evil.example/",
                                        "http://a@b@c/",
                                        "http://u%4@a/",
                                        "http://u%00:p@a/",
                                        "http://u%0ap@a/",
                                        "http://127.1/",
                                        "http://0x7f000001/",
                                        "http://1/",
                                        "http://1.2.3.4.5/",
                                        "http://256.1.1.1/",
                                        "http://127.0.0.01/",
                                        "http://a.0x1/",
                                        "mailto:a@b",
                                        "data:,a",
                                        "javascript:alert(1)",
                                        "http://a.1./"}) {
        CAPTURE(text);
        CHECK(refused(text));
        if (refused(text)) CHECK(Url::parse(text).error().is(Errc::invalid_argument));
    }
    CHECK(normal("http://b\xc3\xbc"
                 "cher.example/")
              .find("xn--") != std::string::npos);
    CHECK(normal("example.org").find("http://example.org/") != std::string::npos);
    CHECK(Url::parse("http://a/" + std::string(70000, 'a')).error().is(Errc::limit_exceeded));
    CHECK(refused("http://" + std::string(64, 'a') + "/"));
    CHECK_FALSE(refused("http://" + std::string(63, 'a') + "/"));
    CHECK(normal("http://us er:secret@a/").find("secret") == std::string::npos);
}

TEST_CASE("a reference is resolved as RFC 3986 section 5.4 has it") {
    const Result<Url> base = Url::parse("http://a/b/c/d;p?q");
    REQUIRE(base);
    const auto resolved = [&base](std::string_view reference) {
        const Result<Url> url = base->resolve(reference);
        return url ? url->to_string() : "refused";
    };
    struct Example {
        std::string_view reference;
        std::string_view meant;
    };
    for (const Example& one : {Example{"g", "http://a/b/c/g"},
                               {"./g", "http://a/b/c/g"},
                               {"g/", "http://a/b/c/g/"},
                               {"/g", "http://a/g"},
                               {"//g", "http://g/"},
                               {"?y", "http://a/b/c/d;p?y"},
                               {"g?y", "http://a/b/c/g?y"},
                               {"#s", "http://a/b/c/d;p?q#s"},
                               {"g#s", "http://a/b/c/g#s"},
                               {"g?y#s", "http://a/b/c/g?y#s"},
                               {";x", "http://a/b/c/;x"},
                               {"g;x", "http://a/b/c/g;x"},
                               {"", "http://a/b/c/d;p?q"},
                               {".", "http://a/b/c/"},
                               {"./", "http://a/b/c/"},
                               {"..", "http://a/b/"},
                               {"../", "http://a/b/"},
                               {"../g", "http://a/b/g"},
                               {"../..", "http://a/"},
                               {"../../g", "http://a/g"},
                               {"../../../g", "http://a/g"},
                               {"/./g", "http://a/g"},
                               {"/../g", "http://a/g"},
                               {"g.", "http://a/b/c/g."},
                               {"..g", "http://a/b/c/..g"},
                               {"./../g", "http://a/b/g"},
                               {"g/./h", "http://a/b/c/g/h"},
                               {"g/../h", "http://a/b/c/h"},
                               {"g;x=1/../y", "http://a/b/c/y"},
                               {"g?y/../x", "http://a/b/c/g?y/../x"},
                               {"HTTPS://B:443/x", "https://b/x"},
                               {"http:g", "refused"},
                               {"mailto:x", "refused"},
                               {"//", "refused"},
                               {"//a:b", "refused"},
                               {"a b", "http://a/b/c/a%20b"},
                               {"a:b", "refused"},
                               {"./a:b", "http://a/b/c/a:b"}}) {
        CAPTURE(one.reference);
        CHECK(resolved(one.reference) == one.meant);
    }
}

TEST_CASE("a relative reference keeps the credentials, another authority does not") {
    const Result<Url> base = Url::parse("http://u:p@a/b");
    REQUIRE(base);
    CHECK(base->resolve("/c")->user() == "u");
    CHECK(base->resolve("//a/c")->user().empty());
    CHECK(base->resolve("http://a/c")->user().empty());
}

TEST_CASE("an origin is scheme, host and port") {
    const auto same = [](std::string_view a, std::string_view b) { return Url::parse(a)->same_origin(*Url::parse(b)); };
    CHECK(same("http://a/b", "http://A:80/c?d"));
    CHECK_FALSE(same("http://a/", "https://a/"));
    CHECK_FALSE(same("http://a/", "http://a:81/"));
    CHECK_FALSE(same("http://a/", "http://b/"));
    CHECK_FALSE(same("http://a/", "http://a.b/"));
}

TEST_CASE("parameters are put behind the query, encoded") {
    Url url = *Url::parse("http://a/b");
    url.append_query("q", "x & y=z");
    url.append_query("\xc3\xa4", "");
    CHECK(url.to_string() == "http://a/b?q=x%20%26%20y%3Dz&%C3%A4=");
    CHECK(normal(url.to_string()) == url.to_string());
}

}  // namespace
}  // namespace bine
