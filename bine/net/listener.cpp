#include "bine/net/listener.h"

#include <utility>

namespace bine {

namespace {

constexpr Duration kShortagePause = std::chrono::milliseconds(100);

}  // namespace

// Accepts again some time after the system had no descriptor or no memory left.
class Listener::Retry final : public Timer {
public:
    explicit Retry(Listener& listener) : listener_(listener) {}
    void expired() override { listener_.reactor_.driver().resume(listener_.socket_); }

private:
    Listener& listener_;
};

// Counted, as a factory may destroy the listener that calls it.
struct Listener::SharedFactory final : Counted {
    explicit SharedFactory(Factory f) : make(std::move(f)) {}
    Factory make;
};

Listener::Listener(Reactor& reactor, Factory factory, const ListenerOptions& options)
    : reactor_(reactor),
      factory_(new SharedFactory(std::move(factory))),
      options_(options),
      admission_(new Admission(options.max_connections, options.max_per_peer)),
      retry_(std::make_unique<Retry>(*this)) {}

Listener::~Listener() {
    close();
    admission_->on_leave(nullptr);
}

Result<> Listener::open(const Address& address, const ListenOptions& options) {
    const auto socket = reactor_.driver().listen(address, options, *this);
    if (!socket) return fail(socket.error());
    started(*socket);
    return {};
}

Result<> Listener::open(Descriptor listening_socket) {
    const auto socket = reactor_.driver().adopt_listener(std::move(listening_socket), *this);
    if (!socket) return fail(socket.error());
    started(*socket);
    return {};
}

void Listener::started(SocketId socket) {
    socket_ = socket;
    address_ = reactor_.driver().local_address(socket);
    if (options_.max_connections != 0) {
        admission_->on_leave([this] { connection_left(); });
    }
    reactor_.driver().resume(socket);
}

void Listener::close() noexcept {
    reactor_.timers().cancel(*retry_);
    if (socket_) reactor_.driver().close(std::exchange(socket_, SocketId()));
}

void Listener::accepted(SocketId id, const Address& peer) {
    reactor_.guard("accept", [&] {
        if (!admission_->try_enter(peer)) {
            reactor_.driver().abort(id);
            if (const auto held = refused_log_.allow(reactor_.now()); held >= 0) {
                log::warning("net", "refused a connection: its peer has as many as it may",
                             {{"peer", peer.host()}, {"limit", options_.max_per_peer}, {"not_logged", held}});
            }
            return;
        }
        if (admission_->full()) {
            reactor_.driver().pause(socket_);
            waiting_for_room_ = true;
        }
        const Ref<SharedFactory> factory = factory_;
        const Ref<Admission> admission = admission_;
        const ConnectionOptions options = options_.connection;
        Reactor& reactor = reactor_;
        try {
            if (auto protocol = factory->make()) {
                Connection::start(reactor, id, std::move(protocol), options, admission);
                return;
            }
        } catch (...) {
            admission->leave(peer);
            reactor.driver().abort(id);
            throw;
        }
        admission->leave(peer);
        reactor.driver().close(id);
    });
}

void Listener::connection_left() {
    if (!std::exchange(waiting_for_room_, false)) return;
    reactor_.driver().resume(socket_);
}

void Listener::accept_failed(const Error& error) {
    reactor_.guard("accept", [&] {
        reactor_.timers().arm(*retry_, reactor_.now() + kShortagePause);
        if (const auto held = shortage_log_.allow(reactor_.now()); held >= 0) {
            log::warning("net", "cannot accept connections for now; they wait in the backlog",
                         {{"address", address_.to_string()},
                          {"error", error.text()},
                          {"cure", "raise the limit of open files (ulimit -n)"},
                          {"not_logged", held}});
        }
    });
}

}  // namespace bine
