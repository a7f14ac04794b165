#include "bine/client/requester.h"

namespace bine::http {

Deferred<Answer> Requester::fetch(ClientRequest request) {
    return send(std::move(request)).then([](ClientResponse response) { return std::move(response).complete(); });
}

Deferred<Answer> Requester::get(std::string_view url) { return fetch(ClientRequest("GET", url)); }
Deferred<Answer> Requester::head(std::string_view url) { return fetch(ClientRequest("HEAD", url)); }
Deferred<Answer> Requester::del(std::string_view url) { return fetch(ClientRequest("DELETE", url)); }

Deferred<Answer> Requester::post(std::string_view url, std::string body, std::string_view type) {
    ClientRequest request("POST", url);
    request.body(std::move(body), type);
    return fetch(std::move(request));
}

Deferred<Answer> Requester::put(std::string_view url, std::string body, std::string_view type) {
    ClientRequest request("PUT", url);
    request.body(std::move(body), type);
    return fetch(std::move(request));
}

}  // namespace bine::http
