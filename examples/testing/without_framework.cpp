// The same kit without a framework: expect() throws a Breach, which says what is wrong and where.
#include <cstdio>
#include <memory>

#include "bine/testing/expect.h"
#include "bine/testing/leftovers.h"
#include "bine/testing/string_transport.h"
#include "greeter.h"

using namespace bine;
using namespace bine::testing;

namespace {

void a_greeter_greets() {
    StringTransport transport;
    transport.start(std::make_unique<Greeter>());
    transport.receive("ann\r\n");
    expect_equal(transport.written(), "hello, ann\r\n", "the greeting");
    transport.receive_end();
    expect_equal(leftovers(transport.reactor()), "", "what the greeter leaves behind");
}

}  // namespace

int main() {
    try {
        a_greeter_greets();
    } catch (const Breach& breach) {
        std::fprintf(stderr, "%s\n", breach.what());
        return 1;
    }
    std::printf("a greeter greets\n");
    return 0;
}
