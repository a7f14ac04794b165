// bine's HTTP server as a user would write it, a router with one handler. Usage: bine_http PORT
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/net/listener.h"
#include "bine/reactor/reactor.h"
#include "hello.h"

namespace {

int serve(uint16_t port) {
    bine::http::Router router;
    router.get(HELLO_PATH, [](bine::http::Request&) { return bine::http::Response::text(HELLO_BODY); });

    bine::Reactor reactor;
    bine::http::Server server(std::move(router));
    bine::Listener listener(reactor, server.factory(), {});
    if (const auto opened = listener.open(bine::Address::loopback(port), {}); !opened) {
        std::fprintf(stderr, "bine_http: %s\n", opened.error().what());
        return 1;
    }
    std::printf("port %d\n", listener.address().port());
    std::fflush(stdout);
    reactor.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) { return serve(argc > 1 ? static_cast<uint16_t>(std::atoi(argv[1])) : 0); }
