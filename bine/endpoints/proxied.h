// Connections behind a proxy that tells whose they are (the PROXY protocol, bine/wire/proxy_protocol.h).
#pragma once

#include "bine/net/protocol.h"

namespace bine {

// Makes protocols that read one PROXY header, tell the transport its addresses, and hand over to one of `inner`'s. A
// connection without a right header within 10 s is aborted; that is logged, once a second at most.
Factory proxied_factory(Factory inner);

}  // namespace bine
