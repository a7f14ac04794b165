#include "bine/names/service.h"

#include <memory>
#include <optional>

#include "bine/async/within.h"
#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/endpoints.h"
#include "bine/names/resolver.h"
#include "bine/reactor/reactor.h"

namespace bine::names {

namespace {

using namespace std::chrono_literals;

constexpr Duration kTimeOfOne = 10s;
constexpr uint64_t kConnectSeconds = 30;
constexpr uint64_t kMostSeconds = 86400;

// A factory that the attempts have in common; the first that connects uses it up.
struct SharedFactory {
    Factory factory;
    bool used = false;
};

Factory one_of(std::shared_ptr<SharedFactory> shared) {
    return [shared = std::move(shared)]() -> std::unique_ptr<Protocol> {
        shared->used = true;
        Factory factory = std::move(shared->factory);
        return factory();
    };
}

class ServiceClient final : public ClientEndpoint {
public:
    ServiceClient(Resolver& resolver, std::string service, Duration timeout)
        : resolver_(resolver), service_(std::move(service)), timeout_(timeout) {}

    Deferred<> connect(Reactor& reactor, Factory factory, const ConnectionOptions& options) override {
        return within(reactor, timeout_,
                      connect_to_service(reactor, resolver_, service_, std::move(factory), ConnectOptions(options)));
    }

private:
    Resolver& resolver_;
    const std::string service_;
    const Duration timeout_;
};

Result<std::unique_ptr<ClientEndpoint>> make_service(const EndpointDescription& description, Resolver& resolver) {
    const auto arguments = EndpointArguments::bind(description, {"service"}, {"timeout"});
    if (!arguments) return fail(arguments.error());
    auto service = arguments->string("service");
    if (!service) return fail(service.error());
    const auto timeout = arguments->count("timeout", kMostSeconds, kConnectSeconds);
    if (!timeout) return fail(timeout.error());
    return std::make_unique<ServiceClient>(resolver, std::move(*service), std::chrono::seconds(*timeout));
}

}  // namespace

Deferred<> connect_to_service(Reactor& reactor, Resolver& resolver, std::string service, Factory factory,
                              ConnectOptions options) {
    auto asking = resolver.services(service);
    const std::vector<Service> places = co_await std::move(asking);
    const auto shared = std::make_shared<SharedFactory>(SharedFactory{std::move(factory)});
    std::optional<Error> last;
    std::string reasons;
    for (const Service& place : places) {
        Deferred<> attempt = connect_to_host(reactor, resolver, place.host, place.port, one_of(shared), options);
        if (&place != &places.back()) attempt = within(reactor, kTimeOfOne, std::move(attempt));
        auto ending = std::move(attempt).as_result();
        const Result<> connected = co_await std::move(ending);
        if (connected) co_return;
        if (shared->used || connected.error().is(Errc::cancelled)) throw connected.error();
        reasons += (reasons.empty() ? "" : "; ") + place.host + ":" + std::to_string(place.port) + ": " +
                   connected.error().text();
        last = connected.error();
    }
    if (!last) throw Error(Errc::not_found, "connect to \"" + service + "\": it is offered nowhere");
    throw Error(last->code(), "connect to \"" + service + "\": " + reasons);
}

void add_endpoints(Endpoints& endpoints, Resolver& resolver) {
    endpoints.set_resolver(resolver);
    endpoints.add_client(
        "srv", [&resolver](const EndpointDescription& description) { return make_service(description, resolver); });
}

}  // namespace bine::names
