// tcp, tcp6 and unix, as clients.
#include <span>

#include "bine/async/within.h"
#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/standard_endpoints.h"
#include "bine/net/happy_eyeballs.h"
#include "bine/net/resolver.h"
#include "bine/reactor/reactor.h"

namespace bine {

namespace {

using Made = Result<std::unique_ptr<ClientEndpoint>>;

constexpr uint64_t kConnectSeconds = 30;
constexpr uint64_t kMostSeconds = 86400;

class TcpClient final : public ClientEndpoint {
public:
    TcpClient(std::string host, uint16_t port, Address::Family family, Address local, Duration timeout)
        : host_(std::move(host)), port_(port), family_(family), local_(std::move(local)), timeout_(timeout) {}

    Deferred<> connect(Reactor& reactor, Factory factory, const ConnectionOptions& options) override {
        ConnectOptions how(options);
        how.local = local_;
        how.family = family_;
        SystemResolver system(reactor);
        Resolver& resolver = resolver_ ? *resolver_ : system;
        return within(reactor, timeout_, connect_to_host(reactor, resolver, host_, port_, std::move(factory), how));
    }
    void use_resolver(Resolver& resolver) noexcept override { resolver_ = &resolver; }

private:
    const std::string host_;
    const uint16_t port_;
    const Address::Family family_;
    const Address local_;
    const Duration timeout_;
    Resolver* resolver_ = nullptr;
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
        if (family != Address::Family::none && parsed->family() != family) {
            return fail(arguments->error("bind", "it must be an IPv6 address"));
        }
        local = *parsed;
    }
    return std::make_unique<TcpClient>(std::move(*host), *port, family, local, std::chrono::seconds(*timeout));
}

class UnixClient final : public ClientEndpoint {
public:
    UnixClient(Address remote, Duration timeout) : remote_(std::move(remote)), timeout_(timeout) {}

    Deferred<> connect(Reactor& reactor, Factory factory, const ConnectionOptions& options) override {
        return within(reactor, timeout_,
                      connect_to_any(reactor, std::span(&remote_, 1), std::move(factory), ConnectOptions(options)));
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
