// tcp, tcp6 and unix, as clients.
#include <optional>

#include "bine/async/within.h"
#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/standard_endpoints.h"
#include "bine/net/connection.h"
#include "bine/net/resolver.h"

namespace bine {

namespace {

using Made = Result<std::unique_ptr<ClientEndpoint>>;

constexpr uint64_t kConnectSeconds = 30;
constexpr uint64_t kMostSeconds = 86400;

// A factory that several attempts share; the first that connects uses it.
struct SharedFactory final : Counted {
    explicit SharedFactory(Factory f) : factory(std::move(f)) {}
    Factory factory;
};

// One attempt. Dropping the Deferred gives it up.
Deferred<> attempt(Reactor& reactor, const Address& remote, const Address& local, Ref<SharedFactory> factory,
                   const ConnectionOptions& options) {
    struct Attempt final : Counted {
        Promise<> promise;
    };
    const Ref<Attempt> state(new Attempt);
    Deferred<> connected = state->promise.deferred();
    auto connection = Connection::connect(
        reactor, remote, local, [factory = std::move(factory)] { return factory->factory(); },
        [state](const Error* error) {
            Promise<> promise = std::move(state->promise);
            if (error) {
                std::move(promise).fail(*error);
            } else {
                std::move(promise).resolve();
            }
        },
        options);
    if (!connection) return failed(connection.error());
    state->promise.on_cancel([made = *connection]() noexcept { made->cancel_connect(); });
    return connected;
}

class TcpClient final : public ClientEndpoint {
public:
    TcpClient(std::string host, uint16_t port, Address::Family family, Address local, Duration timeout)
        : host_(std::move(host)), port_(port), family_(family), local_(std::move(local)), timeout_(timeout) {}

    Deferred<> connect(Reactor& reactor, Factory factory, const ConnectionOptions& options) override {
        Ref<SharedFactory> shared(new SharedFactory(std::move(factory)));
        return within(reactor, timeout_, try_all(reactor, host_, port_, family_, local_, std::move(shared), options));
    }

private:
    // One address after the other, until one answers.
    static Deferred<> try_all(Reactor& reactor, std::string host, uint16_t port, Address::Family family, Address local,
                              Ref<SharedFactory> factory, ConnectionOptions options) {
        const std::vector<Address> addresses = co_await resolve(reactor, host, port, family);
        std::optional<Error> last;  // resolve() answers one address at least
        for (const Address& remote : addresses) {
            const Result<> connected = co_await attempt(reactor, remote, local, factory, options).as_result();
            if (connected) co_return;
            last = connected.error();
        }
        throw *last;
    }

    const std::string host_;
    const uint16_t port_;
    const Address::Family family_;
    const Address local_;
    const Duration timeout_;
};

Made make_tcp(const EndpointDescription& description, Address::Family family) {
    auto arguments = EndpointArguments::bind(description, {"host", "port"}, {"bind", "timeout"});
    if (!arguments) return fail(arguments.error());
    auto host = arguments->string("host");
    if (!host) return fail(host.error());
    const auto port = arguments->port("port");
    if (!port) return fail(port.error());
    const auto timeout = arguments->count("timeout", kMostSeconds, kConnectSeconds);
    if (!timeout) return fail(timeout.error());
    Address local;
    if (arguments->has("bind")) {
        const auto given = arguments->string("bind");
        const auto parsed = Address::try_parse_ip(*given, 0);
        if (!parsed) return fail(arguments->error("bind", "it must be an IP address"));
        local = *parsed;
    }
    return std::make_unique<TcpClient>(std::move(*host), *port, family, local, std::chrono::seconds(*timeout));
}

class UnixClient final : public ClientEndpoint {
public:
    UnixClient(Address remote, Duration timeout) : remote_(std::move(remote)), timeout_(timeout) {}

    Deferred<> connect(Reactor& reactor, Factory factory, const ConnectionOptions& options) override {
        Ref<SharedFactory> shared(new SharedFactory(std::move(factory)));
        return within(reactor, timeout_, attempt(reactor, remote_, Address(), std::move(shared), options));
    }

private:
    const Address remote_;
    const Duration timeout_;
};

Made make_unix(const EndpointDescription& description) {
    auto arguments = EndpointArguments::bind(description, {"path"}, {"timeout"});
    if (!arguments) return fail(arguments.error());
    auto path = arguments->string("path");
    if (!path) return fail(path.error());
    const auto timeout = arguments->count("timeout", kMostSeconds, kConnectSeconds);
    if (!timeout) return fail(timeout.error());
    if (path->empty() || path->size() > 107) return fail(arguments->error("path", "it must have 1 to 107 bytes"));
    if (path->front() == '@') path->front() = '\0';
    return std::make_unique<UnixClient>(Address::unix_path(*path), std::chrono::seconds(*timeout));
}

}  // namespace

void add_client_endpoints(Endpoints& endpoints) {
    endpoints.add_client(
        "tcp", [](const EndpointDescription& description) { return make_tcp(description, Address::Family::none); });
    endpoints.add_client(
        "tcp6", [](const EndpointDescription& description) { return make_tcp(description, Address::Family::ipv6); });
    endpoints.add_client("unix", make_unix);
}

}  // namespace bine
