// Who is believed and who is not, what is agreed on, and how it goes wrong: two ends in memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "bine/testing/captured_logs.h"
#include "bine/testing/manual_driver.h"
#include "bine/testing/memory_transport.h"
#include "bine/testing/scripted_peer.h"
#include "bine/testing/string_transport.h"
#include "bine/testing/temp_folder.h"
#include "bine/testing/transport_contract.h"
#include "bine/tls/context.h"
#include "bine/tls/openssl.h"
#include "bine/tls/protocols.h"
#include "bine/tls/session.h"
#include "tests/tls/authority.h"

namespace bine::tls {
namespace {

using namespace std::chrono_literals;
using testing::MemoryPair;

// What the protocol of one side saw.
struct Side {
    struct Seen final : Protocol {
        explicit Seen(Side& s) : side(s) {}
        void connection_made(Transport& t) override {
            side.transport = &t;
            side.made = true;
            const Session& session = *session_of(t);
            side.alpn = session.alpn();
            side.version = session.version();
            side.server_name = session.server_name();
            side.resumed = session.resumed();
            side.binding = session.channel_binding();
            if (const auto certificate = session.peer_certificate()) side.peer = certificate->names();
            if (side.on_made) side.on_made(t);
        }
        void data_received(std::string_view bytes) override {
            side.received += bytes;
            if (side.on_data) side.on_data();
        }
        bool end_received() override {
            side.ended = true;
            return false;
        }
        void connection_lost(const CloseReason& reason) override { side.lost = reason; }
        Side& side;
    };
    Factory factory() {
        return [this] { return std::make_unique<Seen>(*this); };
    }
    HandshakeDone done() {
        return [this](const Error* e) {
            ++dones;
            if (e) error = *e;
        };
    }

    Transport* transport = nullptr;
    bool made = false;
    bool ended = false;
    bool resumed = false;
    int dones = 0;
    std::string received, alpn, version, server_name, binding;
    std::vector<std::string> peer;
    std::optional<Error> error;
    std::optional<CloseReason> lost;
    Function<void(Transport&)> on_made;
    Function<void()> on_data;
};

struct Scene {
    explicit Scene(std::size_t window = 65536) : pair(reactor, window) {}

    // Runs a handshake to its end, whatever that is.
    void meet(const Context& client_context, const Context& server_context, std::string name = "example.org") {
        pair.start(client_protocol(client_context, std::move(name), client.factory(), client.done()),
                   server_protocol(server_context, server.factory(), server.done()));
        testing::run_until(reactor, [&] { return client.dones + server.dones >= 2 || client.error; });
        testing::settle(reactor, 1s);
    }

    Reactor reactor{std::make_unique<testing::ManualDriver>()};
    Side client, server;
    MemoryPair pair;
};

const WallTime kNow = Reactor(std::make_unique<testing::ManualDriver>()).wall_now();

const Authority& root() {
    static const Authority authority(kNow);
    return authority;
}

Context server_of(const Identity& identity) { return Context::server({.identities = {identity}}).value(); }

Context trusting(const Authority& authority, ClientOptions options = {}) {
    options.trust.ca_pem = authority.pem();
    return Context::client(options).value();
}

// What a client that trusts root() says to such a certificate; empty when it believes it.
std::string verdict(const Identity& identity, std::string name = "example.org") {
    Scene scene;
    scene.meet(trusting(root()), server_of(identity), std::move(name));
    CHECK(scene.client.made == !scene.client.error.has_value());
    if (!scene.client.error) return {};
    CHECK(scene.client.error->is(Errc::not_trusted));
    CHECK_FALSE(scene.server.made);
    return scene.client.error->text();
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

TEST_CASE("a handshake agrees on version, names and protocol, and bytes travel") {
    Scene scene;
    ClientOptions wants;
    wants.alpn = {"h2", "http/1.1"};
    ServerOptions offers{.identities = {root().issue({})}};
    offers.alpn = {"http/1.1"};
    scene.meet(trusting(root(), wants), Context::server(offers).value());
    REQUIRE(scene.client.made);
    REQUIRE(scene.server.made);
    CHECK(scene.client.version == "TLSv1.3");
    CHECK(scene.client.alpn == "http/1.1");
    CHECK(scene.server.alpn == "http/1.1");
    CHECK(scene.server.server_name == "example.org");
    CHECK(scene.client.peer == std::vector<std::string>{"example.org"});
    CHECK(scene.client.binding == scene.server.binding);
    CHECK(scene.client.binding.size() == 32);
    scene.client.transport->write("ping");
    scene.server.transport->write("pong");
    testing::settle(scene.reactor, 1s);
    CHECK(scene.server.received == "ping");
    CHECK(scene.client.received == "pong");
}

TEST_CASE("it does so whatever the pieces in which records arrive") {
    for (const std::size_t window : {1uz, 2uz, 3uz, 5uz, 7uz, 50uz, 1000uz}) {
        CAPTURE(window);
        Scene scene(window);
        scene.meet(trusting(root()), server_of(root().issue({})));
        REQUIRE(scene.client.made);
        scene.client.transport->write("ping");
        testing::settle(scene.reactor, 1s);
        CHECK(scene.server.received == "ping");
        CHECK(scene.client.dones == 1);
        CHECK(scene.server.dones == 1);
    }
}

TEST_CASE("what comes while a callback turns its reactor waits behind what came before") {
    // A record of each word has 31 bytes: in the second window it comes alone.
    for (const auto& [pauses, window] : {std::pair{false, 40uz}, {true, 31uz}, {true, 40uz}}) {
        CAPTURE(window);
        Scene scene(window);
        scene.meet(trusting(root()), server_of(root().issue({})));
        REQUIRE(scene.client.made);
        std::string all;
        for (int i = 0; i < 30; ++i) {
            const std::string word = "word " + std::to_string(10 + i) + ", ";
            all += word;
            scene.client.transport->write(word);
        }
        bool inside = false;
        scene.server.on_data = [&] {
            CHECK_FALSE(inside);
            inside = true;
            for (int i = 0; i < 7; ++i) scene.reactor.turn(TimePoint::min());
            if (pauses) scene.server.transport->pause_reading();
            inside = false;
        };
        testing::run_until(scene.reactor, [&] {
            scene.server.transport->resume_reading();
            return scene.server.received.size() >= all.size();
        });
        CHECK(scene.server.received == all);
    }
}

TEST_CASE("a good chain is believed") {
    CHECK(verdict(root().issue({})) == "");
    CHECK(verdict(root().issue_authority("Between").issue({})) == "");
    CHECK(verdict(root().issue({.names = {"*.example.org"}}), "www.example.org") == "");
    CHECK(verdict(root().issue({.names = {"IP:192.0.2.1"}}), "192.0.2.1") == "");
    CHECK(verdict(root().issue({.names = {"IP:2001:db8::1"}}), "2001:db8::1") == "");
    CHECK(verdict(root().issue({.key = "RSA:2048"})) == "");
}

TEST_CASE("each bad certificate is refused in its own words") {
    CHECK(verdict(root().issue({.days_from = -90, .days_to = -3})) ==
          "TLS handshake with example.org: certificate expired 3 days ago (on 2001-09-06 01:46 UTC)");
    CHECK(has(verdict(root().issue({.days_from = 2})), "certificate is not valid yet: only in 2 days (from "));
    CHECK(has(verdict(root().issue({.names = {"a.example", "b.example"}})),
              "name does not match: wanted example.org, has a.example, b.example"));
    CHECK(has(verdict(root().issue({.names = {}})), "has no names at all"));
    CHECK(has(verdict(root().issue({}), "192.0.2.7"), "wanted 192.0.2.7, has example.org"));
    CHECK(has(verdict(Identity::self_signed({"example.org"}, kNow).value()), "certificate is self-signed"));
    CHECK(has(verdict(root().issue({.extended_usage = "clientAuth"})), "not meant for this use"));
    CHECK(has(verdict(root().issue_authority("Between").without_chain().issue({})), "whose certificate was not sent"));
    CHECK(has(verdict(Authority(kNow, "Stranger").issue({})), "CN=Stranger"));
    const Identity orphan = root().issue_authority("Between").without_chain().issue({});
    const std::string twice = orphan.certificates_pem() + orphan.certificates_pem();
    CHECK(has(verdict(Identity::from_pem(twice, orphan.key_pem()).value()), "whose certificate was not sent"));
    CHECK(has(verdict(Authority(kNow, "Stranger").issue_authority("Below").issue({})),
              "\"CN=Stranger\", who is not trusted"));
    CHECK(has(verdict(root().issue_authority("Impostor", false).issue({})), "may not sign others"));
    for (const char* wildcard : {"*.org", "ex*.org", "*mple.org", "example.*", "*"}) {
        CHECK(has(verdict(root().issue({.names = {wildcard}})), "a wildcard stands for the whole first label"));
    }
    CHECK(has(verdict(root().issue({.names = {"*.example.org"}}), "a.b.example.org"), "name does not match"));
}

TEST_CASE("an authority that has expired is named") {
    const Authority old(kNow - std::chrono::hours(24 * 4000), "Old Root");
    Scene scene;
    scene.meet(trusting(old), server_of(old.issue({.days_to = 9999})));
    REQUIRE(scene.client.error);
    CHECK(has(scene.client.error->text(), "certificate of the authority \"CN=Old Root\" expired"));
}

TEST_CASE("the other side is told why, and says it in words") {
    Scene scene;
    scene.meet(trusting(root()), server_of(Authority(kNow, "Stranger").issue({})));
    REQUIRE(scene.server.error);
    CHECK(scene.server.error->is(Errc::not_trusted));
    CHECK(has(scene.server.error->text(), "refused our certificate: it does not know who signed it"));
}

TEST_CASE("verification can be left out, and pins hold also then") {
    const Identity identity = Identity::self_signed({"else.where"}, kNow).value();
    const auto believes = [&](bool verify, std::vector<std::string> pins) {
        ClientOptions options;
        options.verify = verify;
        options.trust.pins = std::move(pins);
        options.trust.ca_pem = identity.certificates_pem();
        Scene scene;
        scene.meet(Context::client(options).value(), server_of(identity), "example.org");
        if (!scene.client.made) CHECK(scene.client.error->is(Errc::not_trusted));
        return scene.client.made;
    };
    const std::string pin = identity.certificate().pin();
    const std::string other = root().issue({}).certificate().pin();
    CHECK(pin.starts_with("sha256/"));
    CHECK(believes(false, {}));
    CHECK(believes(false, {other, pin}));
    CHECK_FALSE(believes(false, {other}));
    CHECK_FALSE(believes(true, {pin}));  // the name is wrong all the same
}

TEST_CASE("servers choose their certificate by the name that is asked for") {
    const Context server = Context::server({.identities = {root().issue({.names = {"one.example"}}),
                                                           root().issue({.names = {"two.example", "*.two.example"}})}})
                               .value();
    const auto shown = [&](std::string name) {
        Scene scene;
        scene.meet(trusting(root()), server, name);
        return scene.client.made;
    };
    CHECK(shown("one.example"));
    CHECK(shown("two.example"));
    CHECK(shown("TWO.example"));
    CHECK(shown("www.two.example"));
    CHECK_FALSE(shown("three.example"));
    CHECK(server.certificates().size() == 2);
}

TEST_CASE("a protocol that nobody offers is refused on both sides") {
    ClientOptions wants;
    wants.alpn = {"h2"};
    ServerOptions offers{.identities = {root().issue({})}};
    offers.alpn = {"http/1.1"};
    Scene scene;
    scene.meet(trusting(root(), wants), Context::server(offers).value());
    REQUIRE(scene.client.error);
    REQUIRE(scene.server.error);
    CHECK(has(scene.client.error->text(), "none of the protocols offered"));
    CHECK(has(scene.server.error->text(), "none of the protocols that are spoken here"));
}

TEST_CASE("clients show certificates to servers that want them") {
    ServerOptions strict{.identities = {root().issue({})}};
    strict.client_certificate = ClientCertificate::required;
    strict.client_trust.ca_pem = root().pem();
    const auto outcome = [&](std::vector<Identity> identity, Side& server) {
        ClientOptions options;
        options.identity = std::move(identity);
        Scene scene;
        scene.meet(trusting(root(), options), Context::server(strict).value());
        server.made = scene.server.made;
        server.peer = scene.server.peer;
        server.error = scene.server.error;
        // TLS 1.3: a client may be done before the server has refused it.
        if (!scene.server.made) CHECK((scene.client.error || (scene.client.lost && !scene.client.lost->clean())));
    };
    Side known, none, stranger;
    outcome({root().issue({.names = {"client.example"}})}, known);
    CHECK(known.made);
    CHECK(known.peer == std::vector<std::string>{"client.example"});
    outcome({}, none);
    CHECK_FALSE(none.made);
    CHECK(has(none.error->text(), "the client shows no certificate"));
    outcome({Authority(kNow, "Stranger").issue({})}, stranger);
    CHECK_FALSE(stranger.made);
    CHECK(stranger.error->is(Errc::not_trusted));
}

TEST_CASE("sessions are resumed, at the same host only") {
    const Context server = Context::server({.identities = {root().issue({.names = {"one.example"}}),
                                                           root().issue({.names = {"two.example"}})}})
                               .value();
    const Context client = trusting(root());
    const auto resumed = [&](const Context& as, std::string name) {
        Scene scene;
        scene.meet(as, server, std::move(name));
        REQUIRE(scene.client.made);
        CHECK(scene.client.resumed == scene.server.resumed);
        return scene.client.resumed;
    };
    CHECK_FALSE(resumed(client, "one.example"));
    CHECK(resumed(client, "one.example"));
    CHECK_FALSE(resumed(client, "two.example"));
    CHECK(resumed(client, "two.example"));
    ClientOptions forgetful;
    forgetful.resume = false;
    const Context without = trusting(root(), forgetful);
    CHECK_FALSE(resumed(without, "one.example"));
    CHECK_FALSE(resumed(without, "one.example"));
}

TEST_CASE("a reload is for new connections, and an unusable file changes nothing") {
    const testing::TempFolder folder;
    const auto write = [&](const Identity& identity) {
        std::ofstream(folder.path("cert.pem")) << identity.certificates_pem();
        std::ofstream(folder.path("key.pem")) << identity.key_pem();
    };
    write(root().issue({.names = {"example.org", "old.example"}}));
    Context server = Context::server({.files = {{folder.path("cert.pem"), folder.path("key.pem")}}}).value();
    Scene before;
    before.meet(trusting(root()), server);
    CHECK(before.client.peer.back() == "old.example");

    write(root().issue({.names = {"example.org", "new.example"}}));
    CHECK(server.reload());
    Scene after;
    after.meet(trusting(root()), server);
    CHECK(after.client.peer.back() == "new.example");
    before.client.transport->write("still here");
    testing::settle(before.reactor, 1s);
    CHECK(before.server.received == "still here");

    std::ofstream(folder.path("cert.pem")) << "nonsense";
    const auto failed = server.reload();
    REQUIRE_FALSE(failed);
    CHECK(has(failed.error().text(), "there is no certificate in it"));
    Scene later;
    later.meet(trusting(root()), server);
    CHECK(later.client.peer.back() == "new.example");
}

TEST_CASE("threads share contexts, also while they are reloaded") {
    const testing::TempFolder folder;
    const Identity identity = root().issue({});
    std::ofstream(folder.path("both.pem")) << identity.certificates_pem() << identity.key_pem();
    Context server = Context::server({.files = {{folder.path("both.pem"), folder.path("both.pem")}}}).value();
    const Context client = trusting(root());
    std::atomic<int> met = 0;
    const auto meet_often = [&] {
        for (int i = 0; i < 20; ++i) {
            Scene scene;
            scene.meet(client, server);
            if (scene.client.made && scene.server.made) ++met;
        }
    };
    std::thread one(meet_often), other(meet_often);
    for (int i = 0; i < 20; ++i) CHECK(server.reload());
    one.join();
    other.join();
    CHECK(met == 40);
}

TEST_CASE("files that cannot be used are named") {
    const testing::TempFolder folder;
    const Identity identity = root().issue({});
    std::ofstream(folder.path("cert.pem")) << identity.certificates_pem();
    std::ofstream(folder.path("key.pem")) << root().issue({}).key_pem();
    const auto refused = [&](const std::string& certificate, const std::string& key) {
        const auto context = Context::server({.files = {{folder.path(certificate), folder.path(key)}}});
        return context ? std::string() : context.error().text();
    };
    CHECK(has(refused("cert.pem", "key.pem"), "does not belong to the first of the certificates"));
    CHECK(has(refused("missing.pem", "key.pem"), "missing.pem"));
    CHECK(has(refused(".", "key.pem"), folder.path(".")));
    CHECK(has(refused("cert.pem", "."), folder.path(".")));
    CHECK(has(refused("cert.pem", "cert.pem"), "there is no private key in it"));
    CHECK(has(refused("key.pem", "key.pem"), "there is no certificate in it"));
    CHECK_FALSE(Context::server({}));
    for (const Wanted& weak : {Wanted{.digest = "SHA1"}, Wanted{.key = "RSA:1024"}}) {
        const auto context = Context::server({.identities = {root().issue(weak)}});
        REQUIRE_FALSE(context);
        CHECK(has(context.error().text(), "cannot be used"));
    }
    CHECK_FALSE(Context::client({.trust = {.ca_file = folder.path("nowhere.pem")}}));
    ClientOptions options;
    options.alpn = {""};
    CHECK_FALSE(Context::client(options));
}

TEST_CASE("an end without close_notify is told apart") {
    Scene scene;
    scene.meet(trusting(root()), server_of(root().issue({})));
    REQUIRE(scene.client.made);
    scene.server.transport->write("half a message");
    testing::settle(scene.reactor, 1s);
    scene.pair.second().shutdown_writing();  // below TLS
    testing::settle(scene.reactor, 1s);
    CHECK(scene.client.received == "half a message");
    CHECK_FALSE(scene.client.ended);
    REQUIRE(scene.client.lost);
    CHECK(scene.client.lost->kind() == CloseReason::Kind::failed);
    CHECK(scene.client.lost->error()->is(Errc::end_of_stream));
    CHECK(has(scene.client.lost->error()->text(), "without a close_notify"));
}

TEST_CASE("a record that was changed on its way ends the connection") {
    Scene scene;
    scene.meet(trusting(root()), server_of(root().issue({})));
    REQUIRE(scene.client.made);
    scene.pair.second().write(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
    testing::settle(scene.reactor, 1s);
    REQUIRE(scene.client.lost);
    CHECK(scene.client.lost->error()->is(Errc::remote_protocol));
    CHECK(has(scene.client.lost->error()->text(), "does not decrypt"));
}

// A client that is OpenSSL itself, and asks for new keys.
struct Updater final : Protocol {
    Updater() : context(SSL_CTX_new(TLS_client_method())), ssl(SSL_new(context.get())) {
        SSL_set_bio(ssl.get(), in, out);
        SSL_set_connect_state(ssl.get());
    }
    void connection_made(Transport& t) override {
        transport = &t;
        step();
    }
    void data_received(std::string_view bytes) override {
        BIO_write(in, bytes.data(), static_cast<int>(bytes.size()));
        step();
    }
    void connection_lost(const CloseReason&) override { transport = nullptr; }
    void step() {
        char plain[100];
        SSL_read(ssl.get(), plain, sizeof plain);
        ERR_clear_error();
        flush();
    }
    void ask(int times) {
        for (int i = 0; i < times; ++i) {
            SSL_key_update(ssl.get(), SSL_KEY_UPDATE_REQUESTED);
            SSL_do_handshake(ssl.get());
        }
        flush();
    }
    void flush() {
        char bytes[4096];
        while (BIO_pending(out) > 0) {
            const int count = BIO_read(out, bytes, sizeof bytes);
            transport->write(std::string_view(bytes, static_cast<std::size_t>(count)));
        }
    }

    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    OwnedContext context;
    OwnedSsl ssl;
    Transport* transport = nullptr;
};

TEST_CASE("who asks for new keys gets them, and who does not read the answers is not answered for ever") {
    for (const bool reads : {true, false}) {
        Scene scene(1000);
        auto protocol = std::make_unique<Updater>();
        Updater& client = *protocol;
        scene.pair.start(std::move(protocol),
                         server_protocol(server_of(root().issue({})), scene.server.factory(), scene.server.done()));
        testing::run_until(scene.reactor, [&] { return scene.server.made; });
        testing::settle(scene.reactor, 1s);
        if (!reads) client.transport->pause_reading();
        uint64_t most = 0;
        for (int i = 0; i < 100 && !scene.server.lost && client.transport; ++i) {
            client.ask(20);
            testing::settle(scene.reactor, 100ms);
            most = std::max(most, scene.pair.second().queued());
        }
        CHECK(most < 32768);
        CHECK(scene.server.lost.has_value() != reads);
        if (scene.server.lost) CHECK(has(scene.server.lost->error()->text(), "does not read the answers"));
    }
}

TEST_CASE("who does not speak TLS is told so") {
    const auto answer = [](std::string first_words) {
        Reactor reactor(std::make_unique<testing::ManualDriver>());
        testing::StringTransport transport(reactor);
        Side server;
        transport.start(server_protocol(server_of(root().issue({})), server.factory(), server.done()));
        transport.receive(first_words);
        transport.settle();
        CHECK(server.dones == 1);
        CHECK(transport.has_ended());
        return server.error ? server.error->text() : std::string();
    };
    CHECK(has(answer("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "speaks plain HTTP here; it has to use https"));
    CHECK(has(answer(std::string(100, 'S')), "does not speak TLS"));
}

TEST_CASE("a handshake has to be done in time") {
    Reactor reactor(std::make_unique<testing::ManualDriver>());
    testing::StringTransport transport(reactor);
    Side server;
    transport.start(server_protocol(server_of(root().issue({})), server.factory(), server.done(), {.timeout = 3s}));
    testing::settle(reactor, 2900ms);
    CHECK(server.dones == 0);
    testing::settle(reactor, 200ms);
    CHECK(server.dones == 1);
    CHECK(server.error->is(Errc::timed_out));
    CHECK(has(server.error->text(), "within 3.0 s"));
}

TEST_CASE("a handshake that is cut off says so") {
    Reactor reactor(std::make_unique<testing::ManualDriver>());
    testing::StringTransport transport(reactor);
    Side client;
    transport.start(client_protocol(trusting(root()), "example.org", client.factory(), client.done()));
    transport.receive_end();
    transport.settle();
    REQUIRE(client.error);
    CHECK(client.error->is(Errc::end_of_stream));
    CHECK(has(client.error->text(), "in the middle of it"));
}

TEST_CASE("one line in the log tells of many handshakes that fail") {
    testing::CapturedLogs logs;
    Reactor reactor(std::make_unique<testing::ManualDriver>());
    Side side;
    Factory factory = server_factory(server_of(root().issue({})), side.factory());
    for (int i = 0; i < 20; ++i) {
        testing::StringTransport transport(reactor);
        transport.start(factory());
        transport.receive("hello?hello?hello?");
        transport.settle();
        CHECK(transport.has_ended());
    }
    CHECK(logs.count("a handshake failed") == 1);
}

TEST_CASE("one line in the log tells of many handshakes that fail in one turn, too") {
    testing::CapturedLogs logs;
    Reactor reactor(std::make_unique<testing::ManualDriver>());
    Side side;
    Factory factory = server_factory(server_of(root().issue({})), side.factory());
    std::vector<std::unique_ptr<testing::StringTransport>> transports;
    for (int i = 0; i < 30; ++i) {
        transports.push_back(std::make_unique<testing::StringTransport>(reactor));
        transports.back()->start(factory());
        transports.back()->receive("hello?hello?hello?");
    }
    for (const auto& transport : transports) {
        transport->settle();
        CHECK(transport->has_ended());
    }
    CHECK(logs.count("a handshake failed") == 1);
}

TEST_CASE("of one listener a few handshakes are done in a turn, and all in the end") {
    Reactor reactor(std::make_unique<testing::ManualDriver>());
    const Context client = trusting(root());
    std::vector<std::unique_ptr<Side>> clients;
    std::vector<std::unique_ptr<MemoryPair>> pairs;
    Side server;
    Factory factory = server_factory(server_of(root().issue({})), server.factory());
    for (int i = 0; i < 30; ++i) {
        clients.push_back(std::make_unique<Side>());
        pairs.push_back(std::make_unique<MemoryPair>(reactor));
        pairs.back()->start(client_protocol(client, "example.org", clients.back()->factory(), clients.back()->done()),
                            factory());
    }
    const auto done = [&] { return std::ranges::count_if(clients, [](const auto& one) { return one->made; }); };
    int turns = 0;
    std::ptrdiff_t most = 0;
    while (done() < 30 && turns < 100) {
        const std::ptrdiff_t before = done();
        reactor.turn(TimePoint::min());
        most = std::max(most, done() - before);
        ++turns;
    }
    CHECK(done() == 30);
    CHECK(turns >= 4);
    CHECK(most <= 8);
}

TEST_CASE("STARTTLS: a connection turns to TLS in the middle") {
    struct Plain final : Protocol {
        Plain(std::string word, Function<std::unique_ptr<Protocol>()> next)
            : word_(std::move(word)), next_(std::move(next)) {}
        void connection_made(Transport& transport) override {
            transport_ = &transport;
            if (word_ == "GO") transport.write("STARTTLS\n");
        }
        void data_received(std::string_view bytes) override {
            got_ += bytes;
            const std::size_t end = got_.find('\n');
            if (end == got_.npos) return;
            if (word_ != "GO") transport_->write("GO\n");
            transport_->replace_protocol(next_(), got_.substr(end + 1));
        }
        std::string word_, got_;
        Function<std::unique_ptr<Protocol>()> next_;
        Transport* transport_ = nullptr;
    };
    Scene scene(3);
    const Context client = trusting(root());
    const Context server = server_of(root().issue({}));
    scene.pair.start(
        std::make_unique<Plain>("GO", [&] { return client_protocol(client, "example.org", scene.client.factory()); }),
        std::make_unique<Plain>("", [&] { return server_protocol(server, scene.server.factory()); }));
    testing::settle(scene.reactor, 1s);
    REQUIRE(scene.client.made);
    scene.client.transport->write("secret");
    testing::settle(scene.reactor, 1s);
    CHECK(scene.server.received == "secret");
}

TEST_CASE("a factory that throws or refuses ends its connection, and the connecter hears why") {
    const testing::CapturedLogs quiet;
    for (const bool throws : {true, false}) {
        Scene scene;
        Factory bad = [throws]() -> std::unique_ptr<Protocol> {
            if (throws) throw std::runtime_error("thrown by a test");
            return nullptr;
        };
        scene.pair.start(client_protocol(trusting(root()), "example.org", std::move(bad), scene.client.done()),
                         server_protocol(server_of(root().issue({})), scene.server.factory()));
        testing::settle(scene.reactor, 1s);
        REQUIRE(scene.client.error);
        CHECK(has(scene.client.error->text(), throws ? "thrown by a test" : "the factory refused"));
        CHECK((scene.server.lost || !scene.server.made));  // a reset may overtake the end of the handshake
    }
}

TEST_CASE("keys are logged for debuggers, when asked for") {
    const testing::TempFolder folder;
    ClientOptions options;
    options.key_log = folder.path("keys");
    Scene scene;
    scene.meet(trusting(root(), options), server_of(root().issue({})));
    REQUIRE(scene.client.made);
    std::ifstream file(folder.path("keys"));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    CHECK(has(text, "CLIENT_TRAFFIC_SECRET_0 "));
    CHECK((std::filesystem::status(folder.path("keys")).permissions() & std::filesystem::perms::others_read) ==
          std::filesystem::perms::none);
}

TEST_CASE("TLS 1.2 is spoken with those who know no better, and refused on request") {
    ServerOptions modern{.identities = {root().issue({})}};
    modern.minimum = Version::tls1_3;
    Scene scene;
    scene.meet(trusting(root()), Context::server(modern).value());
    CHECK(scene.client.version == "TLSv1.3");
}

}  // namespace
}  // namespace bine::tls
