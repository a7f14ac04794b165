// TLS from both ends: a server that greets, and a client that believes nobody but it.
#include <cstdio>

#include "bine/endpoints/listen.h"
#include "bine/endpoints/react.h"
#include "bine/tls/context.h"
#include "bine/tls/endpoints.h"
#include "bine/tls/session.h"

using namespace bine;

namespace {

Deferred<> greet(Stream stream) {
    const auto name = co_await stream.read_line({.limit = 64});
    co_await stream.write("hello, " + name + "\n");
}

Deferred<> ask(Reactor& reactor, std::string endpoint, const tls::Context& context) {
    Endpoints standard;
    auto plain = standard.client(endpoint);
    if (!plain) throw plain.error();
    const auto secure = tls::over(std::move(*plain), context, "localhost");
    NewStream made;
    Factory factory = [protocol = std::move(made.protocol)]() mutable { return std::move(protocol); };
    co_await secure->connect(reactor, std::move(factory), {});
    const tls::Session* session = tls::session_of(*made.stream.transport());
    std::printf("%s, certificate of %s\n", std::string(session->version()).c_str(),
                session->peer_certificate()->names().front().c_str());
    co_await made.stream.write("world\n");
    const auto answer = co_await made.stream.read_line();
    std::printf("%s\n", answer.c_str());
}

Deferred<> talk(Reactor& reactor) {
    const auto identity = tls::Identity::self_signed({"localhost"}, reactor.wall_now()).value();
    const auto server = tls::Context::server({.identities = {identity}}).value();
    Endpoints endpoints;
    tls::add_endpoints(endpoints, &server);
    const auto port =
        co_await listen(reactor, "tls:tcp:0:interface=127.0.0.1", stream_factory(greet), {}, endpoints);
    const std::string where = "tcp:127.0.0.1:" + std::to_string(port.address().port());

    tls::ClientOptions trusting;
    trusting.trust.ca_pem = identity.certificates_pem();
    const auto client = tls::Context::client(trusting).value();
    co_await ask(reactor, where, client);

    const auto stranger = tls::Context::client().value();
    const auto refused = co_await ask(reactor, where, stranger).as_result();
    std::printf("%s\n", refused ? "believed" : refused.error().text().c_str());
}

}  // namespace

int main(int argc, char** argv) {
    return react(argc, argv, [](Reactor& reactor, Args) { return talk(reactor); });
}
