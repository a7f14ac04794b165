// Whoever answers requests: a Client, or what stands in its place in a test (StubClient). Code that fetches takes one of
// these by reference.
#pragma once

#include <string>
#include <string_view>

#include "bine/client/client_request.h"
#include "bine/client/client_response.h"

namespace bine::http {

class Requester {
public:
    virtual ~Requester() = default;

    // Ends when the head of the answer is there, redirects followed; any status is an answer, not an error. Dropping it gives
    // the request up.
    virtual Deferred<ClientResponse> send(ClientRequest request) = 0;

    // The same with the whole body.
    Deferred<Answer> fetch(ClientRequest request);
    Deferred<Answer> get(std::string_view url);
    Deferred<Answer> head(std::string_view url);
    Deferred<Answer> post(std::string_view url, std::string body, std::string_view type = "application/octet-stream");
    Deferred<Answer> put(std::string_view url, std::string body, std::string_view type = "application/octet-stream");
    Deferred<Answer> del(std::string_view url);
};

}  // namespace bine::http
