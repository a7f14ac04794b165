// The resolver against name servers on loopback that answer, err, keep silent or lie.
#include "bine/names/resolver.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

#include "bine/sim/world.h"
#include "bine/testing/leftovers.h"
#include "bine/testing/native_driver.h"
#include "bine/testing/temp_folder.h"
#include "tests/names/fake_server.h"

namespace bine::names {
namespace {

using namespace std::chrono_literals;
using testing::Asked;
using testing::FakeServer;
using testing::framed;
using testing::labels;
using testing::native_driver;
using testing::number16;
using Family = Address::Family;
using Messages = std::vector<std::string>;

const std::string kIp = "\x0a\x01\x02\x03";

// In small steps: what a timer makes true is seen although no event follows.
bool run_until(Reactor& reactor, Function<bool()> holds) {
    const TimePoint limit = reactor.driver().now() + 25s;
    while (!holds()) {
        if (reactor.driver().now() >= limit) return false;
        reactor.turn(reactor.driver().now() + 5ms);
    }
    return true;
}

// When what is under way between the two ends of loopback has arrived.
std::string left(Reactor& reactor) {
    run_until(reactor, [&] { return reactor.driver().open_sockets() == 0; });
    return testing::leftovers(reactor);
}

template <class T>
Result<T> wait_for(Reactor& reactor, Deferred<T> deferred) {
    run_until(reactor, [&] { return deferred.done(); });
    if (!deferred.done()) return fail(Errc::broken, "it never ends");
    return std::move(deferred).result();
}

template <class T>
std::string error_of(const Result<T>& result) {
    return result ? "no error" : result.error().text();
}

std::string told(const Result<std::vector<Address>>& result) {
    if (!result) return result.error().text();
    std::string text;
    for (const Address& address : *result) text += (text.empty() ? "" : " ") + address.to_string();
    return text;
}

// Asks these servers and nobody else: no file of the system has a say.
ResolverOptions options_for(std::vector<Address> servers) {
    ResolverOptions options;
    options.servers = std::move(servers);
    options.hosts_file.clear();
    options.no_search = true;
    options.tries = 1;
    return options;
}

struct Scene {
    explicit Scene(FakeServer::Answer answer) : server(reactor, std::move(answer)) {}
    Scene(FakeServer::Answer answer, Duration timeout) : Scene(std::move(answer)) { options.timeout = timeout; }

    Resolver& resolver() {
        if (!resolver_) resolver_.emplace(reactor, options);
        return *resolver_;
    }
    Result<std::vector<Address>> resolve(std::string host, Family family = Family::ipv4) {
        return wait_for(reactor, resolver().resolve(std::move(host), 80, family));
    }
    void end_resolver() { resolver_.reset(); }
    std::string where() const { return server.address().to_string(); }

    Reactor reactor{native_driver()};
    FakeServer server;
    ResolverOptions options = options_for({server.address()});

private:
    std::optional<Resolver> resolver_;
};

Messages silence(const Asked&) { return {}; }

TEST_CASE("both families are asked for at once, and the answers are kept") {
    Scene scene([](const Asked& asked) -> Messages {
        if (asked.type == testing::kA) return {asked.a(std::string("\x7f\0\0\1", 4))};
        return {asked.answer().record(labels(asked.name), testing::kAaaa, 300, std::string(15, '\0') + '\1').message()};
    });
    const auto found = scene.resolve("Both.Example", Family::none);
    REQUIRE_MESSAGE(found, error_of(found));
    CHECK(found->size() == 2);
    CHECK(std::count_if(found->begin(), found->end(), [](auto& one) { return one.to_string() == "[::1]:80"; }) == 1);
    CHECK(scene.server.asked().size() == 2);
    CHECK(scene.resolver().kept() == 2);
    CHECK(told(scene.resolve("both.example.")) == "127.0.0.1:80");
    CHECK(told(scene.resolve("BOTH.EXAMPLE", Family::ipv6)) == "[::1]:80");
    CHECK(scene.server.asked().size() == 2);
    CHECK(scene.resolver().questions() == 2);
    scene.resolver().forget();
    CHECK(told(scene.resolve("both.example")) == "127.0.0.1:80");
    CHECK(scene.resolver().questions() == 3);
    CHECK(scene.resolver().asks_families_apart());
}

TEST_CASE("ports and numbers differ from question to question") {
    Scene scene([](const Asked& asked) -> Messages { return {asked.a(kIp)}; });
    for (const char* name : {"a.example", "b.example", "c.example", "d.example"}) CHECK(scene.resolve(name));
    const auto& asked = scene.server.asked();
    REQUIRE(asked.size() == 4);
    CHECK(std::any_of(asked.begin(), asked.end(), [&](auto& one) { return one.from.port() != asked[0].from.port(); }));
    CHECK(std::any_of(asked.begin(), asked.end(), [&](auto& one) { return one.id != asked[0].id; }));
}

TEST_CASE("many who ask for one name cost one question, and each may leave") {
    Scene scene([](const Asked& asked) -> Messages { return {asked.a(kIp)}; });
    std::vector<Deferred<std::vector<Address>>> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(scene.resolver().resolve("a.example", 80, Family::ipv4));
    waiting.erase(waiting.begin() + 3, waiting.begin() + 7);
    for (auto& one : waiting) CHECK(told(wait_for(scene.reactor, std::move(one))) == "10.1.2.3:80");
    CHECK(scene.server.asked().size() == 1);
    CHECK(left(scene.reactor) == "");
}

TEST_CASE("a question that nobody waits for any more is given up") {
    Scene scene(silence);
    auto first = scene.resolver().resolve("a.example", 80, Family::ipv4);
    auto second = scene.resolver().resolve("a.example", 80, Family::ipv4);
    REQUIRE(run_until(scene.reactor, [&] { return scene.server.asked().size() == 1; }));
    first = Deferred<std::vector<Address>>();
    second.cancel();
    CHECK(left(scene.reactor) == "");
    auto third = scene.resolver().resolve("a.example", 80, Family::ipv4);
    CHECK(run_until(scene.reactor, [&] { return scene.server.asked().size() == 2; }));
}

TEST_CASE("what one who hears the answer does to the others is their affair") {
    Scene scene([](const Asked& asked) -> Messages { return {asked.a(kIp)}; });
    Deferred<std::vector<Address>> second;
    bool heard = false;
    auto first = scene.resolver().resolve("a.example", 80, Family::ipv4).then([&](std::vector<Address>) {
        second = Deferred<std::vector<Address>>();
        scene.end_resolver();
        heard = true;
    });
    second = scene.resolver().resolve("a.example", 80, Family::ipv4);
    CHECK(run_until(scene.reactor, [&] { return heard; }));
    CHECK(left(scene.reactor) == "");
}

TEST_CASE("a resolver that is destroyed ends what waits, whatever it waits for") {
    for (const bool asked : {false, true}) {
        Scene scene(silence);
        auto waiting = scene.resolver().resolve("a.example", 80, Family::none);
        auto texts = scene.resolver().texts("a.example");
        if (asked) REQUIRE(run_until(scene.reactor, [&] { return scene.server.asked().size() == 3; }));
        scene.end_resolver();
        REQUIRE(waiting.done());
        const auto result = std::move(waiting).result();
        CHECK(result.error().is(Errc::cancelled));
        REQUIRE(texts.done());
        CHECK(std::move(texts).result().error().is(Errc::cancelled));
        CHECK(left(scene.reactor) == "");
    }
}

TEST_CASE("how long an answer is kept is bounded") {
    Scene shortly([](const Asked& asked) -> Messages { return {asked.a(kIp, 0)}; });
    CHECK(shortly.resolve("a.example"));
    CHECK(shortly.resolver().kept() == 0);
    Scene longer([](const Asked& asked) -> Messages { return {asked.a(kIp, 0)}; });
    longer.options.min_ttl = 1h;
    CHECK(longer.resolve("a.example"));
    CHECK(longer.resolver().kept() == 1);
    Scene never([](const Asked& asked) -> Messages { return {asked.a(kIp, 900)}; });
    never.options.max_ttl = 0s;
    CHECK(never.resolve("a.example"));
    CHECK(never.resolver().kept() == 0);
}

TEST_CASE("that a name, or an address of it, is not there, is kept when the server says for how long") {
    Scene scene([](const Asked& asked) -> Messages {
        if (asked.name == "gone.example") return {asked.answer(0x8183).soa(60, 60).message()};
        if (asked.name == "brief.example") return {asked.answer(0x8183).message()};
        return {asked.answer().alias(asked.name, 60, "real.example").soa(60, 60).message()};
    });
    for (int i = 0; i < 2; ++i) {
        CHECK(told(scene.resolve("gone.example")) ==
              "look up A of \"gone.example\": there is no such name (NXDOMAIN), says " + scene.where());
        CHECK(told(scene.resolve("alias.example", Family::ipv6)) ==
              "look up AAAA of \"alias.example\", an alias of \"real.example\": it has no such record, says " +
                  scene.where());
        CHECK(scene.resolve("brief.example").error().is(Errc::not_found));
    }
    CHECK(scene.server.count("gone.example") == 1);
    CHECK(scene.server.count("alias.example") == 1);
    CHECK(scene.server.count("brief.example") == 2);
}

TEST_CASE("an answer that is cut short is asked for again over TCP") {
    Scene scene([](const Asked& asked) -> Messages {
        if (!asked.tcp) return {asked.answer(0x8380).message()};
        testing::MessageWriter answer = asked.answer();
        for (int i = 0; i < 100; ++i) answer.a(asked.name, 300, kIp.substr(0, 3) + static_cast<char>(i));
        const std::string bytes = framed(answer.message());
        return {bytes.substr(0, 1), bytes.substr(1, 500), bytes.substr(501)};
    });
    const auto found = scene.resolve("large.example");
    REQUIRE_MESSAGE(found, error_of(found));
    CHECK(found->size() == 100);
    REQUIRE(scene.server.asked().size() == 2);
    CHECK(scene.server.asked()[1].tcp);
    CHECK(left(scene.reactor) == "");
}

TEST_CASE("a server that fails or refuses is followed by the next, and each is named when none answers") {
    Reactor reactor{native_driver()};
    FakeServer failing(reactor, [](const Asked& asked) -> Messages { return {asked.answer(0x8182).message()}; });
    FakeServer refusing(reactor, [](const Asked& asked) -> Messages { return {asked.answer(0x8185).message()}; });
    FakeServer good(reactor, [](const Asked& asked) -> Messages { return {asked.a(kIp)}; });
    ResolverOptions options = options_for({failing.address(), refusing.address(), good.address()});
    options.tries = 3;
    Resolver three(reactor, options);
    CHECK(told(wait_for(reactor, three.resolve("a.example", 80, Family::ipv4))) == "10.1.2.3:80");
    options.servers.pop_back();
    Resolver two(reactor, options);
    const auto found = wait_for(reactor, two.resolve("a.example", 80, Family::ipv4));
    CHECK(told(found) == "look up A of \"a.example\": the server " + failing.address().to_string() +
                             " gave no answer: it could not find out (SERVFAIL); the server " +
                             refusing.address().to_string() + " gave no answer: it refuses to answer (REFUSED)");
    CHECK(found.error().is_errno(EAGAIN));
    CHECK(failing.asked().size() == 2);
    CHECK(refusing.asked().size() == 2);
}

TEST_CASE("a server that keeps silent is asked after the others, for a while") {
    Reactor reactor{native_driver()};
    FakeServer silent(reactor, silence);
    FakeServer good(reactor, [](const Asked& asked) -> Messages { return {asked.a(kIp)}; });
    ResolverOptions options = options_for({silent.address(), good.address()});
    options.timeout = 100ms;
    options.tries = 5;
    Resolver resolver(reactor, options);
    CHECK(told(wait_for(reactor, resolver.resolve("a.example", 80, Family::ipv4))) == "10.1.2.3:80");
    const std::size_t before = silent.asked().size();
    CHECK(before >= 1);
    CHECK(told(wait_for(reactor, resolver.resolve("b.example", 80, Family::ipv4))) == "10.1.2.3:80");
    CHECK(silent.count("b.example") == 0);
}

TEST_CASE("servers that answer nothing, or are not there, are errors within the time") {
    Scene scene(silence, 20ms);
    scene.options.tries = 2;
    const auto found = scene.resolve("a.example");
    CHECK(told(found) == "look up A of \"a.example\": the server " + scene.where() + " did not answer within 40 ms");
    CHECK(found.error().is(Errc::timed_out));
    CHECK(scene.server.asked().size() == 2);
    CHECK(left(scene.reactor) == "");

    std::optional<UdpSocket> closed;
    closed.emplace(scene.reactor, Address::loopback(0), [](std::string_view, const Address&) {});
    const Address nobody = closed->local_address();
    closed.reset();
    Resolver resolver(scene.reactor, options_for({nobody}));
    const auto nothing = wait_for(scene.reactor, resolver.resolve("a.example", 80, Family::ipv4));
    CHECK(told(nothing) == "look up A of \"a.example\": the server " + nobody.to_string() +
                               " cannot be reached, or hung up without an answer");
    CHECK(nothing.error().is_errno(ECONNREFUSED));
}

TEST_CASE("what is no answer to the question is ignored, and the right one that follows is taken") {
    Reactor reactor{native_driver()};
    UdpSocket elsewhere(reactor, Address::loopback(0), [](std::string_view, const Address&) {});
    bool truth = true;
    FakeServer server(reactor, [&](const Asked& asked) -> Messages {
        const std::string lie = "\6\6\6\6";
        (void)elsewhere.send_to(asked.a(lie), asked.from);
        Asked other = asked;
        other.name = "other.example";
        Asked guessed = asked;
        guessed.id ^= 1;
        Messages messages{guessed.a(lie), other.a(lie), "short", std::string(600, 'x')};
        if (truth) messages.push_back(asked.a(kIp));
        return messages;
    });
    ResolverOptions options = options_for({server.address()});
    Resolver patient(reactor, options);
    CHECK(told(wait_for(reactor, patient.resolve("a.example", 80, Family::ipv4))) == "10.1.2.3:80");
    truth = false;
    options.timeout = 50ms;
    Resolver hasty(reactor, options);
    CHECK(wait_for(reactor, hasty.resolve("a.example", 80, Family::ipv4)).error().is(Errc::timed_out));
}

TEST_CASE("answers that are malformed are errors that say how") {
    const std::string before = " gave no answer: ";
    struct Case {
        FakeServer::Answer answer;
        std::string words;
    };
    Case cases[] = {
        {[](const Asked& asked) -> Messages {
             return {asked.answer().alias(asked.name, 1, "b.example").alias("b.example", 1, asked.name).message()};
         },
         "it answered with too long a chain of aliases, or one that leads in a circle"},
        {[](const Asked& asked) -> Messages {
             const std::size_t here = asked.answer().size();
             return {asked.answer().record(testing::pointer(here), testing::kA, 1, kIp).message()};
         },
         "a name in its message leads in a circle"},
        {[](const Asked& asked) -> Messages { return {asked.answer().counts(1, 3, 0).message()}; },
         "its message is cut short"},
        {[](const Asked& asked) -> Messages { return {asked.answer().a(asked.name, 1, "abc").message()}; },
         "a record in its message is not as long as it says"},
    };
    for (Case& given : cases) {
        Scene scene(std::move(given.answer));
        const auto found = scene.resolve("a.example");
        CHECK(told(found) == "look up A of \"a.example\": the server " + scene.where() + before + given.words);
        CHECK(found.error().is(Errc::remote_protocol));
        CHECK(scene.resolver().kept() == 0);
    }
}

TEST_CASE("a server that sends without end over TCP is left") {
    Scene scene([](const Asked& asked) -> Messages {
        if (!asked.tcp) return {asked.answer(0x8380).message()};
        std::string bytes;
        for (int i = 0; i < 5000; ++i) bytes += framed("twelve bytes");
        return {bytes};
    });
    const auto found = scene.resolve("a.example");
    CHECK(told(found).ends_with(" sends without end, and no answer"));
    CHECK(found.error().is(Errc::limit_exceeded));
    CHECK(left(scene.reactor) == "");
}

TEST_CASE("a server that takes TCP connections and says nothing, or hangs up, is an error") {
    Scene scene(
        [](const Asked& asked) -> Messages {
            if (!asked.tcp) return {asked.answer(0x8380).message()};
            return {std::string("\xff\xff", 2)};
        },
        100ms);
    CHECK(scene.resolve("a.example").error().is(Errc::timed_out));
    CHECK(left(scene.reactor) == "");
}

TEST_CASE("names of the hosts file are answered from there") {
    const testing::TempFolder folder;
    folder.write("hosts", "192.0.2.7 here here.example\n");
    Scene scene([](const Asked& asked) -> Messages { return {asked.a(kIp)}; });
    scene.options.hosts_file = folder.path("hosts");
    CHECK(told(scene.resolve("HERE", Family::none)) == "192.0.2.7:80");
    CHECK(told(scene.resolve("here.example.")) == "192.0.2.7:80");
    CHECK(told(scene.resolve("here", Family::ipv6)) ==
          "look up \"here\": the hosts file has it, but no such address of it");
    CHECK(scene.server.asked().empty());
    CHECK(told(scene.resolve("there.example")) == "10.1.2.3:80");
}

TEST_CASE("search domains are tried in turn; the first that has the name wins") {
    Scene scene([](const Asked& asked) -> Messages {
        if (asked.name == "www.two.example") return {asked.a(kIp)};
        if (asked.name == "bad.one.example") return {asked.answer(0x8182).message()};
        return {asked.answer(0x8183).message()};
    });
    scene.options.no_search = false;
    scene.options.search = {"one.example", "two.example"};
    CHECK(told(scene.resolve("www")) == "10.1.2.3:80");
    CHECK(scene.server.asked().size() == 2);
    CHECK(scene.resolve("www.").error().is(Errc::not_found));
    CHECK(scene.resolve("nowhere").error().text().starts_with("look up A of \"nowhere.one.example\": there is no"));
    CHECK(scene.resolve("bad").error().is_errno(EAGAIN));
    CHECK(scene.server.count("bad.two.example") == 0);
}

TEST_CASE("some names are never asked for") {
    Scene scene(silence);
    CHECK(told(scene.resolve("localhost", Family::none)) == "[::1]:80 127.0.0.1:80");
    CHECK(told(scene.resolve("app.LocalHost.")) == "127.0.0.1:80");
    CHECK(told(scene.resolve("::1", Family::none)) == "[::1]:80");
    CHECK(told(scene.resolve("x.invalid")) == "look up \"x.invalid\": there is no such name; .invalid has none");
    CHECK(scene.resolve("x.onion").error().is(Errc::not_found));
    const auto odd = scene.resolve(
        "b\xc3\xbc"
        "cher.example");
    CHECK(odd.error().is(Errc::invalid_argument));
    CHECK(told(odd).find("punycode") != std::string::npos);
    CHECK(scene.resolve("").error().is(Errc::invalid_argument));
    CHECK(scene.resolve(std::string(300, 'x')).error().is(Errc::invalid_argument));
    CHECK(scene.server.asked().empty());
}

TEST_CASE("services, texts and the names of an address") {
    Scene scene([](const Asked& asked) -> Messages {
        testing::MessageWriter answer = asked.answer();
        if (asked.name == "_x._tcp.example") {
            for (const std::size_t priority : {std::size_t{2}, std::size_t{1}}) {
                answer.record(labels(asked.name), testing::kSrv, 60,
                              number16(priority) + number16(0) + number16(5222) +
                                  labels("host" + std::to_string(priority) + ".example"));
            }
        } else if (asked.name == "_no._tcp.example") {
            answer.record(labels(asked.name), testing::kSrv, 60, std::string(7, '\0'));
        } else if (asked.type == testing::kTxt) {
            answer.record(labels(asked.name), testing::kTxt, 60, "\3v=1\4 ok.");
        } else {
            answer.record(labels(asked.name), testing::kPtr, 60, labels("host." + std::to_string(asked.name.size())));
        }
        return {answer.message()};
    });
    Resolver& resolver = scene.resolver();
    const auto services = wait_for(scene.reactor, resolver.services("_x._tcp.example"));
    REQUIRE_MESSAGE(services, error_of(services));
    CHECK(*services == std::vector{Service{"host1.example", 5222, 1, 0}, Service{"host2.example", 5222, 2, 0}});
    CHECK(error_of(wait_for(scene.reactor, resolver.services("_no._tcp.example"))) ==
          "look up SRV of \"_no._tcp.example\": it says that the service is not offered");
    const auto texts = wait_for(scene.reactor, resolver.texts("t.example"));
    REQUIRE(texts);
    CHECK(*texts == std::vector<std::string>{"v=1 ok."});
    const auto names = wait_for(scene.reactor, resolver.names_of(*Address::try_parse_ip("192.0.2.10", 0)));
    REQUIRE(names);
    CHECK(scene.server.asked().back().name == "10.2.0.192.in-addr.arpa");
    REQUIRE(wait_for(scene.reactor, resolver.names_of(*Address::try_parse_ip("2001:db8::10", 0))));
    CHECK(scene.server.asked().back().name ==
          "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    CHECK(wait_for(scene.reactor, resolver.texts("not a name")).error().is(Errc::invalid_argument));
}

TEST_CASE("no more questions are under way than allowed; the others wait for their turn") {
    Reactor reactor{native_driver()};
    bool answering = false;
    FakeServer server(reactor, [&](const Asked& asked) -> Messages {
        if (!answering) return {};
        return {asked.a(kIp)};
    });
    ResolverOptions options = options_for({server.address()});
    options.max_questions = 2;
    options.timeout = 200ms;
    Resolver resolver(reactor, options);
    std::vector<Deferred<std::vector<Address>>> waiting;
    for (int i = 0; i < 6; ++i) waiting.push_back(resolver.resolve(std::to_string(i) + ".example", 80, Family::ipv4));
    REQUIRE(run_until(reactor, [&] { return server.asked().size() == 2; }));
    CHECK(resolver.questions() == 2);
    answering = true;
    for (std::size_t i = 0; i < 6; ++i) {
        const auto found = wait_for(reactor, std::move(waiting[i]));
        CHECK(error_of(found).ends_with(i < 2 ? "did not answer within 200 ms" : "no error"));
    }
}

TEST_CASE("without a server to ask, the system's resolver is asked") {
    const testing::TempFolder folder;
    Reactor reactor{native_driver()};
    ResolverOptions options;
    options.resolv_conf = folder.path("none");
    options.hosts_file.clear();
    Resolver resolver(reactor, options);
    // A form of 127.0.0.1 that only the C library knows.
    CHECK(told(wait_for(reactor, resolver.resolve("127.1", 80, Family::ipv4))) == "127.0.0.1:80");
    CHECK(error_of(wait_for(reactor, resolver.texts("a.example"))) ==
          "look up TXT of \"a.example\": there is no name server to ask, as " + options.resolv_conf +
              " cannot be read; ResolverOptions::servers can name one");
}

TEST_CASE("in a simulated world, its names are known") {
    sim::World world(1, {});
    sim::Host& here = world.add_host("here");
    sim::Host& there = world.add_host("there");
    std::string found, missing, texts;
    here.run([&](Reactor& reactor) -> Deferred<> {
        Resolver resolver(reactor);
        CHECK(!resolver.asks_families_apart());
        auto known = resolver.resolve("there", 80).as_result();
        found = told(co_await std::move(known));
        auto unknown = resolver.resolve("nowhere", 80).as_result();
        missing = told(co_await std::move(unknown));
        auto other = resolver.texts("there").as_result();
        texts = error_of(co_await std::move(other));
    });
    REQUIRE(world.run_until([&] { return here.done(); }));
    CHECK(found == there.address(80).to_string() + " " + there.address_v6(80).to_string());
    CHECK(missing.find("no host of this world") != std::string::npos);
    CHECK(texts == "look up TXT of \"there\": no name server can be asked in simulation");
    world.finish();
}

}  // namespace
}  // namespace bine::names
