#include "bine/client/get.h"

#include "bine/client/client.h"

namespace bine::http {

Deferred<Answer> fetch(Reactor& reactor, ClientRequest request, ClientOptions options) {
    Client client(reactor, options);
    co_return co_await client.fetch(std::move(request));
}

Deferred<Answer> get(Reactor& reactor, std::string_view url, ClientOptions options) {
    return fetch(reactor, ClientRequest("GET", url), options);
}

Deferred<Answer> post(Reactor& reactor, std::string_view url, std::string body, std::string_view type,
                      ClientOptions options) {
    ClientRequest request("POST", url);
    request.body(std::move(body), type);
    return fetch(reactor, std::move(request), options);
}

}  // namespace bine::http
