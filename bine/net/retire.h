// For whoever makes a transport: what becomes of a protocol that was replaced, or that has heard connection_lost.
#pragma once

#include <memory>

#include "bine/net/protocol.h"

namespace bine {

class Reactor;

// Destroys the protocol at the end of the outermost turn, since something of it may be on the stack. Nothing for null.
void retire(Reactor& reactor, std::unique_ptr<Protocol> protocol);

}  // namespace bine
