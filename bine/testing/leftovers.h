// What a test has left behind on its reactor, for a check at its end.
//
//     CHECK(leftovers(reactor) == "");
#pragma once

#include <string>

#include "bine/reactor/reactor.h"

namespace bine::testing {

// After what is ready has run: connections and timers that are still there, in words. Nothing when it is clean.
std::string leftovers(Reactor& reactor);

}  // namespace bine::testing
