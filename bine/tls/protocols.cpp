#include "bine/tls/protocols.h"

#include "bine/tls/connection.h"
#include "bine/tls/context.h"

namespace bine::tls {

std::unique_ptr<Protocol> client_protocol(Context context, std::string name, Factory inner, HandshakeDone done,
                                          HandshakeOptions options) {
    return std::make_unique<TlsConnection>(
        TlsConnection::Setup{std::move(context), std::move(name), std::move(inner), std::move(done), options, {}});
}

std::unique_ptr<Protocol> server_protocol(Context context, Factory inner, HandshakeDone done,
                                          HandshakeOptions options) {
    return std::make_unique<TlsConnection>(
        TlsConnection::Setup{std::move(context), {}, std::move(inner), std::move(done), options, {}});
}

Factory server_factory(Context context, Factory inner, HandshakeOptions options) {
    struct Shared final : Counted {
        explicit Shared(Factory f) : inner(std::move(f)) {}
        Factory inner;
    };
    const Ref<Shared> shared(new Shared(std::move(inner)));
    const Ref<Gate> gate(new Gate);
    return [context = std::move(context), shared, gate, options]() -> std::unique_ptr<Protocol> {
        Factory made = [shared] { return shared->inner(); };
        return std::make_unique<TlsConnection>(
            TlsConnection::Setup{context, {}, std::move(made), nullptr, options, gate});
    };
}

}  // namespace bine::tls
