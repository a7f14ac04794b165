#include "bine/client/proxy_settings.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace bine;
using namespace bine::http;

namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

Result<ProxySettings> settings_of(const Variables& variables) {
    ProxySettings::Environment environment = [&](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    return ProxySettings::from_environment(environment);
}

std::string chosen(const Variables& variables, std::string_view url) {
    const ProxySettings settings = settings_of(variables).value();
    const ProxyServer* proxy = settings.choose(Url::parse(url).value());
    return proxy ? proxy->to_string() : "direct";
}

std::string parsed(std::string_view text) {
    const auto proxy = ProxyServer::parse(text);
    if (!proxy) return proxy.error().text();
    return proxy->to_string() + (proxy->user.empty() ? "" : " " + proxy->user + " " + proxy->password);
}

}  // namespace

TEST_CASE("a proxy is a URL, or a host and a port") {
    CHECK(parsed("proxy.example:3128") == "http://proxy.example:3128");
    CHECK(parsed("proxy.example") == "http://proxy.example:80");
    CHECK(parsed("https://proxy.example/") == "https://proxy.example:443");
    CHECK(parsed("socks5://user:p%40ss@[::1]") == "socks5://[::1]:1080 user p@ss");
    CHECK(parsed("SOCKS5H://127.0.0.1:9050") == "socks5h://127.0.0.1:9050");
    CHECK(parsed("user:word@proxy:1") == "http://proxy:1 user word");
    CHECK(ProxyServer::parse("socks4://x").error().is(Errc::unsupported));
    CHECK(ProxyServer::parse("ftp://x").error().is(Errc::unsupported));
    CHECK(ProxyServer::parse("http://").error().is(Errc::invalid_argument));
    CHECK(ProxyServer::parse("http://a b").error().is(Errc::invalid_argument));
}

TEST_CASE("each scheme has its variable, and all_proxy the others") {
    const Variables variables = {{"http_proxy", "h:1"}, {"https_proxy", "s:2"}};
    CHECK(chosen(variables, "http://example.com/") == "http://h:1");
    CHECK(chosen(variables, "ws://example.com/") == "http://h:1");
    CHECK(chosen(variables, "https://example.com/") == "http://s:2");
    CHECK(chosen(variables, "wss://example.com/") == "http://s:2");
    CHECK(chosen({{"http_proxy", "h:1"}}, "https://example.com/") == "direct");
    CHECK(chosen({{"http_proxy", "h:1"}, {"all_proxy", "socks5://a"}}, "https://example.com/") == "socks5://a:1080");
    CHECK(chosen({}, "http://example.com/") == "direct");
    CHECK(chosen({{"http_proxy", ""}}, "http://example.com/") == "direct");
}

TEST_CASE("lower case goes first, and HTTP_PROXY is for strangers") {
    CHECK(chosen({{"HTTP_PROXY", "evil:1"}}, "http://example.com/") == "direct");
    CHECK(chosen({{"HTTPS_PROXY", "upper:1"}}, "https://example.com/") == "http://upper:1");
    CHECK(chosen({{"HTTPS_PROXY", "upper:1"}, {"https_proxy", "lower:1"}}, "https://example.com/") == "http://lower:1");
    CHECK(chosen({{"ALL_PROXY", "upper:1"}}, "http://example.com/") == "http://upper:1");
    CHECK(chosen({{"all_proxy", "a:1"}, {"NO_PROXY", "example.com"}}, "http://example.com/") == "direct");
    CHECK(chosen({{"all_proxy", "a:1"}, {"NO_PROXY", "example.com"}, {"no_proxy", ""}}, "http://example.com/") ==
          "http://a:1");
}

TEST_CASE("a variable that cannot be read is named") {
    const auto wrong = settings_of({{"https_proxy", "gopher://x"}});
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().text().starts_with("https_proxy: a proxy of the kind \"gopher\" is not known"));
}

TEST_CASE("exceptions are names and all below them") {
    const ProxyExceptions some("localhost, Example.com .internal\tother.org.,,");
    CHECK(some.has("localhost"));
    CHECK(some.has("example.com"));
    CHECK(some.has("EXAMPLE.COM"));
    CHECK(some.has("example.com."));
    CHECK(some.has("a.b.example.com"));
    CHECK_FALSE(some.has("notexample.com"));
    CHECK_FALSE(some.has("example.org"));
    CHECK_FALSE(some.has("com"));
    CHECK(some.has("internal"));
    CHECK(some.has("x.internal"));
    CHECK(some.has("www.other.org"));
    CHECK_FALSE(some.has(""));
    CHECK_FALSE(some.has("127.0.0.1"));
    CHECK(ProxyExceptions("*").has("anything"));
    CHECK_FALSE(ProxyExceptions("").has("anything"));
    CHECK_FALSE(ProxyExceptions(".").has("anything"));
}

TEST_CASE("exceptions are addresses and networks") {
    const ProxyExceptions some("192.0.2.1,10.0.0.0/8,172.16.0.0/12,[::1],fd00::/8,2001:db8::/33");
    CHECK(some.has("192.0.2.1"));
    CHECK(some.has("::ffff:192.0.2.1"));
    CHECK_FALSE(some.has("192.0.2.2"));
    CHECK_FALSE(some.has("1.192.0.2.1.example"));
    CHECK(some.has("10.255.0.1"));
    CHECK_FALSE(some.has("11.0.0.1"));
    CHECK(some.has("172.31.255.255"));
    CHECK_FALSE(some.has("172.32.0.0"));
    CHECK(some.has("::1"));
    CHECK(some.has("fdff::1"));
    CHECK_FALSE(some.has("fc00::1"));
    CHECK(some.has("2001:db8:7fff::1"));
    CHECK_FALSE(some.has("2001:db8:8000::1"));
    CHECK(ProxyExceptions("0.0.0.0/0").has("8.8.8.8"));
    CHECK_FALSE(ProxyExceptions("0.0.0.0/0").has("::1"));
    for (const char* wrong : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8"}) {
        CHECK_FALSE(ProxyExceptions(wrong).has("10.0.0.0"));
    }
}

TEST_CASE("one proxy for all") {
    const ProxySettings settings(ProxyServer::parse("socks5h://p").value(), ProxyExceptions("near"));
    CHECK(settings.choose(Url::parse("http://far/").value())->host == "p");
    CHECK(settings.choose(Url::parse("https://far/").value())->kind == ProxyServer::Kind::socks5h);
    CHECK(settings.choose(Url::parse("https://near/").value()) == nullptr);
    CHECK(ProxySettings().choose(Url::parse("https://far/").value()) == nullptr);
}
