#include "bine/client/auth.h"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <string>

using namespace bine;
using namespace bine::http;

namespace {

using ClientNonce = std::array<std::byte, DigestAuth::kClientNonce>;

std::string told(const std::vector<Challenge>& challenges) {
    std::string text;
    for (const Challenge& challenge : challenges) {
        text += "[" + challenge.scheme;
        if (!challenge.token68.empty()) text += " " + challenge.token68;
        for (const auto& [name, value] : challenge.parameters) text += " " + name + "=<" + value + ">";
        text += "]";
    }
    return text;
}

std::string read(std::string_view value) {
    const auto challenges = parse_challenges(value);
    return challenges ? told(*challenges) : "malformed";
}

// The value of a parameter in an Authorization.
std::string part(const std::string& authorization, std::string_view name) {
    const auto challenges = parse_challenges(authorization);
    REQUIRE(challenges);
    return std::string(challenges->at(0).find(name).value_or("none"));
}

std::string answered(DigestAuth& auth, std::string_view method = "GET", std::string_view target = "/dir/index.html") {
    const auto text = auth.authorization(method, target, ClientNonce());
    REQUIRE(text);
    return *text;
}

DigestAuth challenged(std::string_view challenge, std::string user = "Mufasa",
                      std::string password = "Circle of Life") {
    DigestAuth auth(std::move(user), std::move(password));
    REQUIRE(auth.challenged(parse_challenges(challenge).value(), false));
    return auth;
}

}  // namespace

TEST_CASE("Basic and Bearer are one value") {
    CHECK(basic_authorization("Aladdin", "open sesame").value() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(basic_authorization("", "").value() == "Basic Og==");
    CHECK(basic_authorization("a", "b:c").value() == "Basic YTpiOmM=");
    CHECK(basic_authorization("test", "123\xc2\xa3").value() == "Basic dGVzdDoxMjPCow==");
    CHECK(basic_authorization("a:b", "c").error().is(Errc::invalid_argument));
    CHECK(basic_authorization("a", "c\r\n").error().is(Errc::invalid_argument));
    CHECK(bearer_authorization("mF_9.B5f-4.1JqM==").value() == "Bearer mF_9.B5f-4.1JqM==");
    for (const char* wrong : {"", "=", "a b", "a=b", "a\r\nb", "\xc2\xa3"}) {
        CHECK(bearer_authorization(wrong).error().is(Errc::invalid_argument));
    }
}

TEST_CASE("challenges are told apart") {
    CHECK(read("Basic realm=\"simple\"") == "[basic realm=<simple>]");
    CHECK(read("Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"") ==
          "[newauth realm=<apps> type=<1> title=<Login to \"apps\">][basic realm=<simple>]");
    CHECK(read("Negotiate") == "[negotiate]");
    CHECK(read("Negotiate, NTLM , Basic  realm = \"a, b\" ,, charset=UTF-8,") ==
          "[negotiate][ntlm][basic realm=<a, b> charset=<UTF-8>]");
    CHECK(read("Negotiate oRQwEqADCgEB==, Basic realm=x") == "[negotiate oRQwEqADCgEB==][basic realm=<x>]");
    CHECK(read("Digest , realm=x, Nonce=\"\"") == "[digest realm=<x> nonce=<>]");
    CHECK(read("Bearer realm=a:/b?c") == "[bearer realm=<a:/b?c>]");
    CHECK(read("") == "");
    CHECK(read(" , ") == "");
}

TEST_CASE("what is no challenge is refused") {
    for (const char* wrong :
         {"=x", "realm=x", "\"Basic\"", "Basic realm=\"x", "Basic realm=\"x\\", "Basic realm=\"x\"y",
          "Basic realm=x y=z", "Basic a b", "Basic x=y z", "Negotiate a==, b=c", "Basic (realm)"}) {
        CAPTURE(wrong);
        CHECK(read(wrong) == "malformed");
    }
}

TEST_CASE("long fields are read in one go") {
    std::string value = "Digest a=b";
    for (int i = 0; i < 100000; ++i) value += ", a=\"\\\"\"";
    CHECK(parse_challenges(value).value().at(0).parameters.size() == 100001);
    CHECK_FALSE(parse_challenges(value + "\"" + std::string(100000, '\\')));
}

TEST_CASE("a digest without qop is that of RFC 2069") {
    // Its example, as its errata correct it.
    DigestAuth auth = challenged(
        "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
        "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        "Mufasa", "CircleOfLife");
    CHECK(answered(auth) ==
          "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
          "uri=\"/dir/index.html\", response=\"1949323746fe6a43ef61f9606e7febea\", "
          "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
}

TEST_CASE("qop=auth hashes the count and the client's nonce") {
    const std::string realm = "Digest realm=\"http-auth@example.org\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv\", ";
    DigestAuth md5 = challenged(realm + "qop=\"auth-int,auth\", algorithm=MD5");
    CHECK(part(answered(md5), "response") == "b741b2c6b188497cf6173e6005041fe7");
    CHECK(part(answered(md5), "nc") == "00000002");
    CHECK(part(answered(md5), "response") == "b04e869d105e511e346bf2cfa4974ee1");
    CHECK(part(answered(md5), "cnonce") == std::string(32, '0'));

    DigestAuth sha = challenged(realm + "qop=auth, algorithm=SHA-256");
    CHECK(part(answered(sha), "response") == "a79ac894d3b487cf5c754147bbb1b242069602a8fe3fb9a6465b7b2f0e6bfbb8");
    CHECK(part(answered(sha), "algorithm") == "SHA-256");
    CHECK(part(answered(sha), "qop") == "auth");
    DigestAuth half = challenged(realm + "qop=auth, algorithm=SHA-512-256");
    CHECK(part(answered(half), "response") == "9fb092c14bbd190fb5e083f93b1ab257587344ad6fe6f58a28d5b14a5cfd2271");
}

TEST_CASE("a session keeps the client's nonce that it began with") {
    DigestAuth auth = challenged("Digest realm=r, nonce=n, qop=auth, algorithm=MD5-sess");
    CHECK(part(answered(auth), "response") == "8dc6305beb85ec4e76d2faca3a27b6b2");
    ClientNonce other;
    other.fill(std::byte{0xff});
    const auto second = auth.authorization("GET", "/dir/index.html", other);
    REQUIRE(second);
    CHECK(part(*second, "cnonce") == std::string(32, '0'));
    CHECK(part(*second, "nc") == "00000002");
    REQUIRE(auth.challenged(parse_challenges("Digest realm=r, nonce=n2, qop=auth, algorithm=MD5-sess").value(), true));
    CHECK(part(auth.authorization("GET", "/", other).value(), "cnonce") == std::string(32, 'f'));
}

TEST_CASE("the user name may be hidden") {
    DigestAuth auth = challenged("Digest realm=r, nonce=n, qop=auth, algorithm=SHA-256, userhash=true");
    const std::string text = answered(auth);
    CHECK(part(text, "username") == "8ec3e1d647d8bd2ae7115a19b5155727c083dd356e9e6fa526b1188461f18acf");
    CHECK(part(text, "userhash") == "true");
}

TEST_CASE("quotes and backslashes survive the way there and back") {
    DigestAuth auth = challenged(R"(Digest realm="a \"b\" \\c", nonce=n, qop=auth)", "who\"\\am I");
    const std::string text = answered(auth);
    CHECK(text.find(R"(username="who\"\\am I", realm="a \"b\" \\c")") != std::string::npos);
    CHECK(part(text, "realm") == "a \"b\" \\c");
}

TEST_CASE("the strongest digest is taken") {
    CHECK(part(
              [] {
                  DigestAuth auth = challenged(
                      "Digest realm=r, nonce=1, algorithm=MD5, Basic realm=r, "
                      "Digest realm=r, nonce=2, algorithm=SHA-256, qop=auth, "
                      "Digest realm=r, nonce=3, algorithm=MD5-sess, qop=auth, "
                      "Digest realm=r, nonce=4, algorithm=SHA-3");
                  return answered(auth);
              }(),
              "nonce") == "2");
}

TEST_CASE("challenges that cannot be answered say why") {
    DigestAuth auth("user", "password");
    CHECK_FALSE(auth.ready());
    CHECK(auth.authorization("GET", "/", ClientNonce()).error().is(Errc::local_protocol));
    for (const char* wrong :
         {"Basic realm=r", "Digest realm=r, nonce=n, algorithm=SHA-1", "Digest realm=r, nonce=n, qop=auth-int",
          "Digest realm=r, nonce=n, algorithm=-sess", ""}) {
        CHECK(auth.challenged(parse_challenges(wrong).value(), false).error().is(Errc::unsupported));
    }
    for (const char* wrong : {"Digest realm=r", "Digest nonce=n", "Digest realm=r, nonce=\"\""}) {
        CHECK(auth.challenged(parse_challenges(wrong).value(), false).error().is(Errc::remote_protocol));
    }
    CHECK_FALSE(auth.ready());
}

TEST_CASE("a wrong password is told from a nonce that has become stale") {
    DigestAuth auth = challenged("Digest realm=r, nonce=1, qop=auth");
    answered(auth);
    const auto again = [&](const char* text, bool was_answered) {
        return auth.challenged(parse_challenges(text).value(), was_answered);
    };
    const Result<> refused = again("Digest realm=r, nonce=2, qop=auth", true);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is_errno(EACCES));
    CHECK(refused.error().text() == "the server refuses the user name or password for \"r\"");
    // Of a request that was sent without an answer.
    CHECK(again("Digest realm=r, nonce=2, qop=auth", false));
    answered(auth);
    CHECK(again("Digest realm=r, nonce=3, qop=auth, stale=TRUE", true));
    CHECK(part(answered(auth), "nc") == "00000001");
    // It was good once: a server that forgot to say stale.
    answered(auth);
    CHECK(again("Digest realm=r, nonce=4, qop=auth", true));
}
