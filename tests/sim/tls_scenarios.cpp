// TLS: handshakes, conversations and ends over networks that go wrong.
#include "bine/async/sleep.h"
#include "bine/async/within.h"
#include "bine/tls/context.h"
#include "bine/tls/endpoints.h"
#include "bine/tls/session.h"
#include "scenarios.h"
#include "scenes.h"

namespace bine::tests {

namespace {

using namespace std::chrono_literals;
using sim::Host;
using sim::World;

// What server and clients share: a certificate made in the world, of its chance and its time.
struct Secrets {
    std::optional<tls::Context> server;
    std::optional<tls::Context> client;
};

void make_secrets(Secrets& secrets, Reactor& reactor) {
    const tls::Identity identity = tls::Identity::self_signed({"server"}, reactor.wall_now(), 3650).value();
    secrets.server = tls::Context::server({.identities = {identity}}).value();
    tls::ClientOptions options;
    options.trust.ca_pem = identity.certificates_pem();
    secrets.client = tls::Context::client(options).value();
}

// A line names a text; the answer is the text, then the end.
Deferred<> answer_with_text(World& world, Reactor& reactor, Stream& stream) {
    const std::string line = co_await stream.read_line();
    const std::size_t size = std::stoul(line);
    const std::string text = pattern(size, size);
    co_await write_in_pieces(world, reactor, stream, text);
}

Deferred<> serve(World& world, Reactor& reactor, Secrets& secrets) {
    make_secrets(secrets, reactor);
    Endpoints endpoints;
    tls::add_endpoints(endpoints, &*secrets.server);
    StreamHandler handler = [&](Stream stream) -> Deferred<> { co_await answer_with_text(world, reactor, stream); };
    auto port = co_await listen(reactor, "tls:tcp:443", stream_factory(std::move(handler)), {}, endpoints);
    co_await port.closed();
}

// The bytes that came, and whether their end is said to be the end.
struct Fetched {
    std::string bytes;
    bool whole = false;
};

Deferred<Fetched> fetch(World& world, Reactor& reactor, Secrets& secrets, std::string name, std::size_t size) {
    Endpoints standard;
    auto tcp = standard.client("tcp:server:443");
    const auto secure = tls::over(std::move(*tcp), *secrets.client, name);
    NewStream made;
    Factory factory = [p = std::move(made.protocol)]() mutable { return std::move(p); };
    ConnectionOptions options;
    options.idle_timeout = 90s;
    co_await secure->connect(reactor, std::move(factory), options);
    world.sometimes(tls::session_of(*made.stream.transport())->resumed(), "tls: a session is resumed");
    co_await made.stream.write(std::to_string(size) + "\n");
    Fetched fetched;
    while (true) {
        auto piece = co_await made.stream.read_some(1 + world.choose("read at most", 20'000)).as_result();
        if (!piece) co_return fetched;
        fetched.whole = piece->empty();
        if (fetched.whole) co_return fetched;
        fetched.bytes += *piece;
    }
}

Deferred<> be_client(World& world, Reactor& reactor, Secrets& secrets, int& whole) {
    for (int i = 0; i < 4; ++i) {
        while (!secrets.client) co_await sleep(reactor, 50ms);
        if (world.one_in("mean somebody else", 6)) {
            const auto refused = co_await fetch(world, reactor, secrets, "else.where", 1).as_result();
            world.check(!refused, "a certificate of another name is not believed");
            world.sometimes(refused.error().is(Errc::not_trusted), "tls: a name does not match");
            continue;
        }
        const std::size_t size = 1 + world.choose("how much text", world.one_in("a long text", 4) ? 200'000 : 3000);
        const auto fetched = co_await fetch(world, reactor, secrets, "server", size).as_result();
        if (!fetched) {
            world.sometimes(true, "tls: a handshake fails");
            co_await sleep(reactor, 100ms);
            continue;
        }
        world.check(pattern(size, size).starts_with(fetched->bytes), "what comes is what was sent");
        if (fetched->whole) world.check(fetched->bytes.size() == size, "an end that is told as one is the end");
        if (fetched->whole) ++whole;
        world.sometimes(!fetched->whole, "tls: a conversation is cut off");
    }
}

// Whatever the network does, what is read is what was written, and a part is never taken for the whole.
void conversations(World& world) {
    Secrets secrets;
    int whole = 0;
    Host& server = world.add_host("server");
    server.run([&](Reactor& reactor) { return serve(world, reactor, secrets); });
    std::vector<Host*> clients;
    for (int i = 0; i < 2; ++i) {
        clients.push_back(&world.add_host("client" + std::to_string(i)));
        clients.back()->run([&](Reactor& reactor) { return be_client(world, reactor, secrets, whole); });
    }
    for (const Host* client : clients) world.must([client] { return client->done(); }, "every client ends", 2h);
    world.sometimes(whole >= 6, "tls: nearly all is whole");
    world.finish();
}

}  // namespace

std::vector<sim::Scenario> tls_scenarios() {
    std::vector<sim::Scenario> all;
    all.push_back({"tls-conversations", conversations});
    return all;
}

}  // namespace bine::tests
