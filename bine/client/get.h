// One request without a client of one's own:
//
//     auto answer = co_await http::get(reactor, "http://example.org/");
//     use(answer.status, answer.fields.value("Content-Type"), answer.body, answer.url, answer.history);
//
// Whoever asks the same host again keeps a Client, which keeps the connection.
#pragma once

#include <string>
#include <string_view>

#include "bine/client/client_options.h"
#include "bine/client/client_request.h"
#include "bine/client/client_response.h"

namespace bine {
class Reactor;
}

namespace bine::http {

Deferred<Answer> get(Reactor& reactor, std::string_view url, ClientOptions options = ClientOptions());
Deferred<Answer> post(Reactor& reactor, std::string_view url, std::string body, std::string_view type,
                      ClientOptions options = ClientOptions());
Deferred<Answer> fetch(Reactor& reactor, ClientRequest request, ClientOptions options = ClientOptions());

}  // namespace bine::http
