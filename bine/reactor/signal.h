// Signals of the process as calls in a turn.
#pragma once

#include "bine/base/descriptor.h"
#include "bine/base/function.h"
#include "bine/reactor/watch.h"

namespace bine {

// While it lives, `signal` does not do what it does by default: `callback` runs in the reactor's thread instead, once for
// signals that came close together. Several watches of one signal are all called. The last one that goes restores
// what was before. The callback may destroy the watch. Throws Error: no such signal, too many watches (16 of one signal), or simulation.
class SignalWatch {
public:
    SignalWatch(Reactor& reactor, int signal, Function<void()> callback);
    ~SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

private:
    int signal_;
    Descriptor event_;
    DescriptorWatch watch_;
};

}  // namespace bine
