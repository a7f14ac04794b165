#include "bine/tls/endpoints.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bine/endpoints/endpoint_string.h"
#include "bine/tls/connection.h"
#include "bine/tls/context.h"
#include "bine/tls/outcome.h"

namespace bine::tls {

namespace {

constexpr uint64_t kMostSeconds = 86400;

using MadeServer = Result<std::unique_ptr<ServerEndpoint>>;
using MadeClient = Result<std::unique_ptr<ClientEndpoint>>;

class SecureServer final : public ServerEndpoint {
public:
    SecureServer(std::unique_ptr<ServerEndpoint> inner, Context context, HandshakeOptions options)
        : inner_(std::move(inner)), context_(std::move(context)), options_(options) {}

    Deferred<Port> listen(Reactor& reactor, Factory factory, const ListenerOptions& options) override {
        return inner_->listen(reactor, secure(std::move(factory)), options);
    }
    Result<Descriptor> open() override { return inner_->open(); }
    Result<Descriptor> open_another(int first) override { return inner_->open_another(first); }
    Deferred<Port> adopt(Reactor& reactor, Descriptor socket, Factory factory,
                         const ListenerOptions& options) override {
        return inner_->adopt(reactor, std::move(socket), secure(std::move(factory)), options);
    }

private:
    Factory secure(Factory factory) { return server_factory(context_, std::move(factory), options_); }

    const std::unique_ptr<ServerEndpoint> inner_;
    const Context context_;
    const HandshakeOptions options_;
};

// One connection that is being made.
struct Attempt final : Outcome {
    explicit Attempt(Factory f) : factory(std::move(f)) {}

    void done(const Error* error) {
        connection = nullptr;
        finish(error);
    }
    void give_up() noexcept {
        if (connection) connection->abort();
    }

    Factory factory;
    TlsConnection* connection = nullptr;  // during its handshake
};

// Connects, then shakes hands; dropping the Deferred gives up either.
class SecureClient final : public ClientEndpoint {
public:
    SecureClient(std::unique_ptr<ClientEndpoint> inner, Context context, std::string name, HandshakeOptions options)
        : inner_(std::move(inner)), context_(std::move(context)), name_(std::move(name)), options_(options) {}

    Deferred<> connect(Reactor& reactor, Factory factory, const ConnectionOptions& options) override {
        const Ref<Attempt> attempt(new Attempt(std::move(factory)));
        Deferred<> secured = attempt->promise.deferred();
        attempt->promise.on_cancel([attempt]() noexcept { attempt->give_up(); });
        Factory below = [context = context_, name = name_, how = options_, attempt]() -> std::unique_ptr<Protocol> {
            auto protocol = std::make_unique<TlsConnection>(
                TlsConnection::Setup{context,
                                     name,
                                     [attempt] { return attempt->factory(); },
                                     [attempt](const Error* error) { attempt->done(error); },
                                     how,
                                     {}});
            attempt->connection = protocol.get();
            return protocol;
        };
        return shake_hands(inner_->connect(reactor, std::move(below), options), std::move(secured));
    }
    void use_resolver(Resolver& resolver) noexcept override { inner_->use_resolver(resolver); }

private:
    static Deferred<> shake_hands(Deferred<> connected, Deferred<> secured) {
        co_await std::move(connected);
        co_await std::move(secured);
    }

    const std::unique_ptr<ClientEndpoint> inner_;
    const Context context_;
    const std::string name_;
    const HandshakeOptions options_;
};

std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> items;
    for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
        const std::size_t comma = std::min(text.find(',', begin), text.size());
        items.push_back(text.substr(begin, comma - begin));
        begin = comma + 1;
    }
    return items;
}

// The arguments of `description` that are in `names`, as those of an endpoint `kind`.
EndpointDescription inner_description(const EndpointDescription& description, std::string kind,
                                      std::initializer_list<std::string_view> names) {
    EndpointDescription inner{std::move(kind), description.positional, {}};
    for (const EndpointArgument& argument : description.named) {
        if (std::find(names.begin(), names.end(), argument.name) != names.end()) inner.named.push_back(argument);
    }
    return inner;
}

Result<ServerOptions> server_options(const EndpointArguments& arguments) {
    ServerOptions options;
    const auto certificate = arguments.string("certKey");
    if (!certificate) return fail(certificate.error());
    const auto key = arguments.string("privateKey", *certificate);
    if (!key) return fail(key.error());
    options.files.push_back({*certificate, *key});
    const auto alpn = arguments.string("alpn", "");
    if (!alpn) return fail(alpn.error());
    options.alpn = split_list(*alpn);
    if (arguments.has("clientCA")) {
        options.client_certificate = ClientCertificate::required;
        options.client_trust.ca_file = *arguments.string("clientCA");
    }
    return options;
}

MadeServer make_ssl(Endpoints& endpoints, const EndpointDescription& description, ContextMade& made) {
    const auto arguments = EndpointArguments::bind(
        description, {"port"}, {"interface", "backlog", "reuseport", "certKey", "privateKey", "alpn", "clientCA"});
    if (!arguments) return fail(arguments.error());
    const auto options = server_options(*arguments);
    if (!options) return fail(options.error());
    auto tcp = endpoints.server(
        to_string(inner_description(description, "tcp", {"port", "interface", "backlog", "reuseport"})));
    if (!tcp) return fail(tcp.error());
    auto context = Context::server(*options);
    if (!context) return fail(context.error().with_context("endpoint \"" + to_string(description) + "\""));
    if (made) made(*context);
    return over(std::move(*tcp), std::move(*context));
}

Result<Context> client_context(const EndpointArguments& arguments, const std::optional<Context>& given) {
    if (given && !arguments.has("ca") && !arguments.has("alpn")) return *given;
    ClientOptions options;
    const auto ca = arguments.string("ca", "");
    if (!ca) return fail(ca.error());
    options.trust.ca_file = *ca;
    const auto alpn = arguments.string("alpn", "");
    if (!alpn) return fail(alpn.error());
    options.alpn = split_list(*alpn);
    return Context::client(options);
}

MadeClient make_tls_client(Endpoints& endpoints, const EndpointDescription& description,
                           const std::optional<Context>& given) {
    const auto arguments =
        EndpointArguments::bind(description, {"host", "port"}, {"name", "ca", "alpn", "bind", "timeout"});
    if (!arguments) return fail(arguments.error());
    const auto host = arguments->string("host");
    if (!host) return fail(host.error());
    const auto name = arguments->string("name", *host);
    if (!name) return fail(name.error());
    auto tcp = endpoints.client(to_string(inner_description(description, "tcp", {"host", "port", "bind", "timeout"})));
    if (!tcp) return fail(tcp.error());
    auto context = client_context(*arguments, given);
    if (!context) return fail(context.error());
    HandshakeOptions options;
    if (const auto timeout = arguments->count("timeout", kMostSeconds, 0); timeout && *timeout > 0) {
        options.timeout = std::chrono::seconds(*timeout);
    }
    return over(std::move(*tcp), std::move(*context), *name, options);
}

}  // namespace

void add_endpoints(Endpoints& endpoints, const Context* server, const Context* client, ContextMade made) {
    const auto copy = [](const Context* context) { return context ? std::optional<Context>(*context) : std::nullopt; };
    endpoints.add_server("ssl", [made = std::move(made)](const EndpointDescription& description) mutable {
        Endpoints standard;
        return make_ssl(standard, description, made);
    });
    endpoints.add_server_wrapper("tls", [server = copy(server)](std::unique_ptr<ServerEndpoint> inner) -> MadeServer {
        if (server) return over(std::move(inner), *server);
        return fail(Errc::invalid_argument,
                    "\"tls:\" before an endpoint needs a certificate: the program gives it to tls::add_endpoints(); "
                    "\"ssl:PORT:certKey=FILE\" names one itself");
    });
    endpoints.add_client("tls", [client = copy(client)](const EndpointDescription& description) {
        Endpoints standard;
        return make_tls_client(standard, description, client);
    });
}

std::unique_ptr<ServerEndpoint> over(std::unique_ptr<ServerEndpoint> inner, Context context, HandshakeOptions options) {
    return std::make_unique<SecureServer>(std::move(inner), std::move(context), options);
}

std::unique_ptr<ClientEndpoint> over(std::unique_ptr<ClientEndpoint> inner, Context context, std::string name,
                                     HandshakeOptions options) {
    return std::make_unique<SecureClient>(std::move(inner), std::move(context), std::move(name), options);
}

}  // namespace bine::tls
