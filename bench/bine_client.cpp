// bine's HTTP client as a user would write it: coroutines that ask again and again, a connection each. Says "ready on DRIVER";
// then each line of its input is a number of seconds, for which all ask, and is answered with a line of JSON.
// Usage: bine_client epoll|uring PORT CONNECTIONS
#include <cstdint>
#include <cstdio>
#include <string>

#include "bine/async/sleep.h"
#include "bine/async/task_group.h"
#include "bine/base/error.h"
#include "bine/client/client.h"
#include "bine/endpoints/react.h"
#include "driver_choice.h"
#include "hello.h"

namespace {

struct Slice {
    bine::Reactor& reactor;
    bine::TimePoint end;
    uint64_t answers = 0;
};

bine::Deferred<> ask_on(bine::http::Client& client, const std::string& url, Slice& slice) {
    while (slice.reactor.now() < slice.end) {
        const bine::http::Answer answer = co_await client.get(url);
        if (answer.status != 200 || answer.body != HELLO_BODY) throw bine::Error(bine::Errc::broken, "a wrong answer");
        ++slice.answers;
    }
}

bine::Deferred<> ask_for(bine::http::Client& client, const std::string& url, Slice& slice, uint32_t connections) {
    bine::TaskGroup group;
    for (uint32_t i = 0; i < connections; ++i) {
        group.start([&client, &url, &slice] { return ask_on(client, url, slice); });
    }
    co_await group.join();
}

bine::Deferred<> measure(bine::Reactor& reactor, std::string url, uint32_t connections) {
    bine::http::Client client(reactor, {.connections = connections, .connections_per_host = connections});
    const std::string_view name = reactor.driver_name();
    std::printf("ready on %.*s\n", static_cast<int>(name.size()), name.data());
    std::fflush(stdout);
    double seconds = 0;
    while (std::scanf("%lf", &seconds) == 1) {
        // The turn began before the line was waited for.
        co_await bine::sleep(reactor, bine::Duration(0));
        const auto start = reactor.now();
        const auto length = std::chrono::duration_cast<bine::Duration>(std::chrono::duration<double>(seconds));
        Slice slice{reactor, start + length};
        co_await ask_for(client, url, slice, connections);
        const double took = std::chrono::duration<double>(reactor.now() - start).count();
        std::printf("{\"operations\": %llu, \"seconds\": %.6f}\n", static_cast<unsigned long long>(slice.answers),
                    took);
        std::fflush(stdout);
    }
}

int run(int argc, char** argv, bine::DriverKind kind) {
    const auto program = [](bine::Reactor& reactor, bine::Args args) {
        const std::string url = "http://127.0.0.1:" + std::string(args[1]) + HELLO_PATH;
        return measure(reactor, url, static_cast<uint32_t>(std::stoul(std::string(args[2]))));
    };
    return bine::react(argc, argv, program, {.driver = kind});
}

}  // namespace

int main(int argc, char** argv) {
    const auto kind = argc == 4 ? bench::find_driver(argv[1]) : std::nullopt;
    if (!kind) {
        std::puts("not available: usage: bine_client epoll|uring PORT CONNECTIONS");
        return 1;
    }
    return run(argc, argv, *kind);
}
