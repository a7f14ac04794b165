// What a client is made of, and the way of one request through it. Inner part of the client.
//
// A trip: find the route, lease a connection or make one, ask on it; again when the connection was dead or the server wants to
// know who asks; on to where a redirect leads. All that it uses is held by what it runs in, so that a client may be destroyed meanwhile.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bine/async/scope.h"
#include "bine/client/auth.h"
#include "bine/client/client.h"
#include "bine/client/client_exchange.h"
#include "bine/client/client_trace.h"
#include "bine/client/connection_pool.h"
#include "bine/client/connector.h"
#include "bine/client/proxy_settings.h"
#include "bine/tls/context.h"

namespace bine::http {

struct Client::State final : Counted {
    State(Reactor& reactor, const ClientOptions& options, std::optional<tls::Context> context);

    // For an https request. Errors: the machine's certificates cannot be read.
    Result<std::optional<tls::Context>> context_for(const Route& route);

    Reactor& reactor;
    ClientOptions options;
    std::string user_agent;
    std::string unix_path;
    std::optional<tls::Context> context;
    std::unique_ptr<const ProxySettings> proxy;  // of ClientOptions::proxy; options.proxies refers to it
    std::optional<Error> wrong_option;           // told to whoever asks
    std::map<std::string, DigestAuth, std::less<>>
        digests;  // by origin and user: the next request proves itself at once
    Ref<ConnectionPool> pool;
    Scope scope;
    uint64_t trips = 0;
};

class ClientTrip final : public Counted, private ConnectListener {
public:
    ClientTrip(Ref<Client::State> state, ClientRequest request);

    static Deferred<ClientResponse> travel(Ref<ClientTrip> trip);

private:
    class Listener;
    using Asked = std::unique_ptr<ClientExchange>;

    Deferred<Asked> ask();
    Deferred<Ref<ConnectionHandle>> find_connection();
    Deferred<Ref<ConnectionHandle>> connect(PoolPlace place);
    // Whether the request has become another one, that is to be asked now.
    Result<bool> goes_on(ClientExchange& exchange);
    Result<bool> prove(const ClientExchange& exchange);
    Result<bool> follow(ClientExchange& exchange);
    void keep_cookies(const ClientExchange& exchange);
    Deferred<> drain(Asked exchange);
    Result<ClientResponse> respond(Asked exchange);

    void choose_route();
    RequestForm form();
    void put_authorization(RequestForm& form);
    void put_cookies(RequestForm& form) const;
    std::string digest_key() const;
    Result<std::string> digest_proof(const std::string& target);
    bool decodes() const noexcept;
    ExchangeTimes times() const;
    Error in_context(const Error& error) const;
    Trip trip() const noexcept { return {number_, request_->method(), request_->url()}; }
    void resolved() override;
    void connected() override;
    void secured() override;
    Duration lap();

    Ref<Client::State> state_;
    std::shared_ptr<ClientRequest> request_;
    History history_;
    Deadline deadline_;
    Route route_;
    std::string basic_;      // what login() has been asked for by Basic
    int proofs_ = 0;         // that were asked for on the way
    bool digested_ = false;  // the request that was sent last carried a digest
    uint64_t number_;
    TimePoint began_{};  // what is being measured
};

}  // namespace bine::http
