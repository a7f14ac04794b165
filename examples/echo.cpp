// An echo server: whatever a client sends comes back.
//
// Try it:  ./echo tcp:7000:interface=127.0.0.1 &  nc localhost 7000
#include <cstdio>

#include "bine/endpoints/listen.h"
#include "bine/endpoints/react.h"

using namespace bine;

Deferred<> echo(Stream stream) {
    while (true) {
        const auto bytes = co_await stream.read_some();
        if (bytes.empty()) break;
        co_await stream.write(bytes);
    }
}

int main(int argc, char** argv) {
    return react(argc, argv, [](Reactor& reactor, Args args) -> Deferred<> {
        auto port = co_await listen(reactor, args.value_or(0, "tcp:7000"), echo);
        std::fprintf(stderr, "listening on %s\n", port.address().to_string().c_str());
        co_await port.closed();
    });
}
