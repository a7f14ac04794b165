// The endpoints that every Endpoints starts with. Internal to net; their documentation is in endpoints.h.
#pragma once

#include "bine/endpoints/endpoints.h"

namespace bine {

void add_standard_endpoints(Endpoints& endpoints);
void add_server_endpoints(Endpoints& endpoints);
void add_client_endpoints(Endpoints& endpoints);

}  // namespace bine
