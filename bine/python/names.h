// Addresses as Python's socket module writes them.
#pragma once

#include "bine/driver/address.h"
#include "bine/python/object.h"

namespace bine::python {

// ("127.0.0.1", 80), ("::1", 80, 0, 0), "/run/x", b"\0abstract", "" for a Unix socket without a name, None for no address.
// Null with an error set.
Object name_of(const Address& address, bool is_unix = false);

}  // namespace bine::python
