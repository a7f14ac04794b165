#include "bine/endpoints/shared_endpoint.h"

namespace bine {

Result<SharedEndpoint> SharedEndpoint::open(std::string_view endpoint, std::size_t reactors, Endpoints& endpoints) {
    auto server = endpoints.server(endpoint);
    if (!server) return fail(server.error());
    SharedEndpoint shared(std::move(*server), reactors);
    if (const auto opened = shared.open_sockets(); !opened) return fail(opened.error());
    return shared;
}

SharedEndpoint::SharedEndpoint(std::unique_ptr<ServerEndpoint> endpoint, std::size_t reactors)
    : endpoint_(std::move(endpoint)), count_(reactors) {}

Result<> SharedEndpoint::open_sockets() {
    auto sockets = std::make_unique<Descriptor[]>(count_);
    for (std::size_t i = 0; i < count_; ++i) {
        auto socket = i == 0 ? endpoint_->open() : endpoint_->open_another(sockets[0].get());
        if (!socket && socket.error().is(Errc::unsupported)) {
            count_ = 1;
            return {};
        }
        if (!socket) return fail(socket.error());
        sockets[i] = std::move(*socket);
    }
    sockets_ = std::move(sockets);
    return {};
}

Deferred<Port> SharedEndpoint::listen(std::size_t index, Reactor& reactor, Factory factory,
                                      const ListenerOptions& options) {
    if (index >= count_) return failed(Errc::unsupported, "the first reactor listens here alone");
    if (!sockets_) return endpoint_->listen(reactor, std::move(factory), options);
    return endpoint_->adopt(reactor, std::move(sockets_[index]), std::move(factory), options);
}

}  // namespace bine
