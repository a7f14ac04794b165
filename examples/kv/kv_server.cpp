// The key-value server, on the real network.
//
// Try it:  ./kv_server tcp:7000:interface=127.0.0.1 kv.journal &  nc localhost 7000    then type: me 1 incr visits
#include <cstdio>
#include <string>

#include "bine/endpoints/react.h"
#include "kv.h"

using namespace bine;

int main(int argc, char** argv) {
    return react(argc, argv, [](Reactor& reactor, Args args) -> Deferred<> {
        const std::string endpoint(args.value_or(0, "tcp:7000"));
        const std::string journal(args.value_or(1, "kv.journal"));
        auto port = co_await kv::serve(reactor, endpoint, journal);
        std::fprintf(stderr, "listening on %s\n", port.address().to_string().c_str());
        co_await port.closed();
    });
}
