#include "bine/testing/leftovers.h"

namespace bine::testing {

namespace {

constexpr int kTurns = 1000;

}  // namespace

std::string leftovers(Reactor& reactor) {
    int turns = 0;
    while (reactor.run_ready() && ++turns < kTurns) {
    }
    std::string words;
    if (turns == kTurns) words += "callbacks that never end; ";
    if (const auto count = reactor.driver().open_sockets()) words += std::to_string(count) + " open connections; ";
    if (!reactor.timers().empty()) words += "armed timers; ";
    if (!words.empty()) words.resize(words.size() - 2);
    return words;
}

}  // namespace bine::testing
