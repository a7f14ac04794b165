// An HTTP/1.1 client: keeps connections, follows redirects, minds limits.
//
//     http::Client client(reactor);
//     auto answer = co_await client.get("http://example.org/");         // an Answer: status, fields, body, url, history
//
//     http::ClientRequest request("GET", "http://example.org/large");
//     auto response = co_await client.send(std::move(request));         // when the head is there
//     for (;;) {
//         const auto piece = co_await response.read();                   // no faster than this reads
//         if (piece.empty()) break;
//     }
//
// A status is no error: an Error says that there was no answer, or not all of it. Its text begins with method and URL.
//
// Codings are undone, cookies kept (ClientOptions::cookies), proxies used. Credentials in a URL are sent as Basic; those of
// ClientRequest::login() answer what the server asks for, Basic or Digest.
//
// An idempotent request (GET, HEAD, PUT, DELETE ...) is asked once more on a new connection when a connection that was kept
// ends before a byte of its answer; every other is not asked twice.
// Confined to the thread of its reactor, which outlives it.
#pragma once

#include <cstddef>
#include <memory>

#include "bine/client/client_options.h"
#include "bine/client/requester.h"

namespace bine {
class Reactor;
namespace tls {
class Context;
}
}  // namespace bine

namespace bine::http {

class Client final : public Requester {
public:
    // https believes the certificates that the machine trusts ...
    explicit Client(Reactor& reactor, const ClientOptions& options = ClientOptions());
    // ... or what `tls` says: a context for clients.
    Client(Reactor& reactor, const ClientOptions& options, const tls::Context& tls);
    // Requests that wait for the head of their answer end with cancelled_by_scope; answers whose body is being read go on.
    ~Client() override;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    Deferred<ClientResponse> send(ClientRequest request) override;

    // Connections there are, and those of them that nobody uses.
    std::size_t connections() const noexcept;
    std::size_t idle_connections() const noexcept;
    // Closes those that nobody uses.
    void close_idle() noexcept;

    struct State;

private:
    Ref<State> state_;
};

}  // namespace bine::http
