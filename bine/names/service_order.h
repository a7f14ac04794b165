// In which order to try the places where a service is offered: RFC 2782.
#pragma once

#include <cstdint>
#include <vector>

#include "bine/base/function.h"
#include "bine/names/record.h"

namespace bine::names {

// By priority; among those of one, by chance, as their weights say. `below(n)` gives a number from 0 to n.
std::vector<Service> order_services(std::vector<Service> services, Function<uint64_t(uint64_t n)> below);

}  // namespace bine::names
