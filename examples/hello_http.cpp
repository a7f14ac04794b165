// A web server with two routes.
//
// Try it:  ./hello_http &  curl localhost:8080/hello/world
#include <cstdio>
#include <string>

#include "bine/endpoints/listen.h"
#include "bine/endpoints/react.h"
#include "bine/http/router.h"
#include "bine/http/server.h"

using namespace bine;
using http::Request;
using http::Response;

int main(int argc, char** argv) {
    http::Router router;
    router.get("/", [](Request&) { return Response::html("<h1>It works</h1>"); });
    router.get("/hello/{name}",
               [](Request& request) { return Response::text("hello, " + std::string(request.param("name")) + "\n"); });
    http::Server server(std::move(router));

    return react(argc, argv, [&server](Reactor& reactor, Args args) -> Deferred<> {
        server.drain_at_shutdown(reactor);
        auto port = co_await listen(reactor, args.value_or(0, "tcp:8080"), server.factory());
        std::fprintf(stderr, "listening on %s\n", port.address().to_string().c_str());
        co_await port.closed();
    });
}
