// What a loop needs to find others by name: a resolver that remembers, and the endpoints that there are. Made when it is first
// asked for, ended before the reactor.
#pragma once

#include "bine/endpoints/endpoints.h"
#include "bine/names/resolver.h"

namespace bine::python {

struct Network {
    explicit Network(Reactor& reactor);

    names::Resolver resolver;
    Endpoints endpoints;
};

}  // namespace bine::python
