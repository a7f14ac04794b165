// The talk's LineReceiver on "tcp:7000":
//
//     class MyProtocol(LineReceiver):
//         def lineReceived(self, line):
//             print("I got this line!")
//             print(line)
//
// Try it:  ./line_receiver &  nc localhost 7000
#include <cstdio>
#include <memory>

#include "bine/endpoints/listen.h"
#include "bine/endpoints/react.h"
#include "bine/net/line_protocol.h"

namespace {

using namespace bine;

class MyProtocol final : public LineProtocol {
    void line_received(std::string_view line) override {
        std::printf("I got this line!\n%.*s\n", static_cast<int>(line.size()), line.data());
        std::fflush(stdout);
    }
};

}  // namespace

int main(int argc, char** argv) {
    return react(argc, argv, [](Reactor& reactor, Args args) -> Deferred<> {
        auto port =
            co_await listen(reactor, args.value_or(0, "tcp:7000"), [] { return std::make_unique<MyProtocol>(); });
        std::fprintf(stderr, "listening on %s\n", port.address().to_string().c_str());
        co_await port.closed();
    });
}
