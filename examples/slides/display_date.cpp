// The talk's coroutine that shows the date once a second, for five seconds:
//
//     async def display_date(loop):
//         end_time = loop.time() + 5.0
//         while True:
//             print(datetime.datetime.now())
//             if (loop.time() + 1.0) >= end_time:
//                 break
//             await asyncio.sleep(1)
//
// With --virtual it runs, unchanged, on a reactor whose time jumps: the five seconds take none.
#include <time.h>

#include <cstdio>
#include <memory>
#include <string_view>

#include "bine/async/deferred.h"
#include "bine/async/sleep.h"
#include "bine/reactor/reactor.h"
#include "bine/testing/manual_driver.h"

namespace {

using namespace bine;
using namespace std::chrono_literals;

void print(WallTime time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const time_t seconds = static_cast<time_t>(whole.time_since_epoch().count());
    tm calendar{};
    char text[32];
    std::strftime(text, sizeof text, "%F %T", ::gmtime_r(&seconds, &calendar));
    std::printf("%s.%06lld\n", text, static_cast<long long>((time - whole) / 1us));
    std::fflush(stdout);
}

Deferred<> display_date(Reactor& reactor) {
    const TimePoint end_time = reactor.now() + 5s;
    while (true) {
        print(reactor.wall_now());
        if (reactor.now() + 1s >= end_time) break;
        co_await sleep(reactor, 1s);
    }
}

std::unique_ptr<Reactor> make_reactor(bool virtual_time) {
    if (!virtual_time) return std::make_unique<Reactor>();
    return std::make_unique<Reactor>(std::make_unique<testing::ManualDriver>());
}

}  // namespace

int main(int argc, char** argv) {
    const auto reactor = make_reactor(argc > 1 && std::string_view(argv[1]) == "--virtual");
    display_date(*reactor).finally([&] { reactor->stop(); }).detach();
    reactor->run();
    return 0;
}
