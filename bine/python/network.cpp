#include "bine/python/network.h"

#include "bine/names/service.h"
#include "bine/tls/endpoints.h"

namespace bine::python {

Network::Network(Reactor& reactor) : resolver(reactor) {
    tls::add_endpoints(endpoints);
    names::add_endpoints(endpoints, resolver);
}

}  // namespace bine::python
