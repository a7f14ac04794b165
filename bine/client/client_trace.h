// What happens on the way of a request, told as it happens: for metrics, logs and tests.
//
//     struct Slow final : http::ClientTrace {
//         void connected(const Trip& trip, Duration took) override { histogram.add(trip.url.host(), took); }
//     };
//
// Override what is of interest. Called on the client's reactor; must not throw, and must not ask the client that tells.
#pragma once

#include <cstdint>
#include <string_view>

#include "bine/base/error.h"
#include "bine/base/time.h"
#include "bine/wire/url.h"

namespace bine::http {

// One request, redirects included. The same for all calls of it.
struct Trip {
    uint64_t number;  // counts the requests of a client
    std::string_view method;
    const Url& url;
};

class ClientTrace {
public:
    virtual ~ClientTrace() = default;

    // No connection is free and none may be made: it waits.
    virtual void queued(const Trip&) {}
    // A connection that was kept is used again ...
    virtual void reused(const Trip&) {}
    // ... or a new one is made: the name looked up (an address is not), connected (through a
    // proxy's tunnel, where there is one: nobody is connected whom the proxy refuses), then perhaps TLS agreed on. Each says
    // how long it took, behind the one before.
    virtual void connecting(const Trip&) {}
    virtual void resolved(const Trip&, Duration) {}
    virtual void connected(const Trip&, Duration) {}
    virtual void secured(const Trip&, Duration) {}
    // All of the request has been handed over, the body included.
    virtual void sent(const Trip&) {}
    virtual void interim(const Trip&, int status) { (void)status; }
    // The head of the answer has come.
    virtual void answered(const Trip&, int status) { (void)status; }
    // A connection that was kept was dead: it is asked again.
    virtual void retried(const Trip&, const Error&) {}
    virtual void redirected(const Trip&, int status, const Url& to) { (void)status, (void)to; }
    // The end: the body has come, or was given up.
    virtual void done(const Trip&, uint64_t body_bytes) { (void)body_bytes; }
    virtual void failed(const Trip&, const Error&) {}
};

}  // namespace bine::http
