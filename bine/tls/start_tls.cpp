#include "bine/tls/start_tls.h"

#include <utility>

#include "bine/net/connection_ref.h"
#include "bine/tls/context.h"
#include "bine/tls/outcome.h"

namespace bine::tls {

namespace {

// `make` makes the protocol of the handshake out of what is inside of it and whom to tell.
template <class Make>
Deferred<Stream> start(Stream plain, Make make) {
    Transport* const transport = plain.transport();
    if (!transport) co_return fail(Errc::closed, "TLS: the connection has been closed");
    const ConnectionRef connection = transport->ref();
    const Ref<Outcome> waiting(new Outcome);
    Deferred<> done = waiting->promise.deferred();
    waiting->promise.on_cancel([connection]() noexcept {
        if (Transport* const cancelled = connection.transport()) cancelled->abort();
    });
    NewStream secure;
    Factory inner = [protocol = std::move(secure.protocol)]() mutable { return std::move(protocol); };
    auto protocol = make(std::move(inner), [waiting](const Error* error) { waiting->finish(error); });
    const Result<> handed = plain.hand_over(std::move(protocol));
    if (!handed) co_return fail(handed.error());
    co_await std::move(done).or_end();
    co_return std::move(secure.stream);
}

}  // namespace

Deferred<Stream> start_client(Stream plain, Context context, std::string name, HandshakeOptions options) {
    return start(std::move(plain),
                 [context = std::move(context), name = std::move(name), options](Factory inner, HandshakeDone done) {
                     return client_protocol(context, name, std::move(inner), std::move(done), options);
                 });
}

Deferred<Stream> start_server(Stream plain, Context context, HandshakeOptions options) {
    return start(std::move(plain), [context = std::move(context), options](Factory inner, HandshakeDone done) {
        return server_protocol(context, std::move(inner), std::move(done), options);
    });
}

}  // namespace bine::tls
