// From host names to addresses.
#pragma once

#include <string>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/driver/address.h"

namespace bine {

class Reactor;

// The addresses of `host` with `port`, in the order in which to try them; at least one. IP literals are answered at once,
// names by the system's resolver in the thread pool. Errors: not_found, with the name and the resolver's words.
Deferred<std::vector<Address>> resolve(Reactor& reactor, std::string host, uint16_t port,
                                       Address::Family family = Address::Family::none);

}  // namespace bine
