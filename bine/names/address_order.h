// In which order to try the addresses of a host: RFC 6724, section 6, but for what only the system knows of its addresses
// (deprecated ones, home addresses, tunnels). Pure; any thread.
#pragma once

#include <vector>

#include "bine/driver/address.h"

namespace bine::names {

struct Destination {
    Address address;
    Address source;  // where a connection to it would come from; no address: there is no way to it
};

// Stable: what is equal stays as it is, and so do the turns in which a name server gives the addresses of one network.
void sort_destinations(std::vector<Destination>& destinations);

}  // namespace bine::names
