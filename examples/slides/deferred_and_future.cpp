// "Deferreds run callbacks as soon as they are able. Futures schedule a callback for the next reactor loop."
//
// Two of each get the same result at the same moment; the order of the lines is the difference.
#include <cstdio>

#include "bine/async/deferred.h"
#include "bine/async/future.h"
#include "bine/reactor/reactor.h"

int main() {
    using namespace bine;

    Reactor reactor;
    Promise<int> first;
    Promise<int> second;
    first.deferred().then([](int value) { std::printf("  the Deferred's callback: %d\n", value); }).detach();
    const Future<int> future = second.deferred().to_future(reactor);
    future.then([](int value) { std::printf("  the Future's callback: %d\n", value); }).detach();
    future.then([](int value) { std::printf("  the Future's other callback: %d\n", value); }).detach();

    std::printf("before the Deferred's result\n");
    std::move(first).resolve(1);
    std::printf("behind it; before the Future's result\n");
    std::move(second).resolve(2);
    std::printf("behind it; now the reactor turns\n");
    reactor.turn(TimePoint::min());
    std::printf("the turn is over\n");
    return 0;
}
