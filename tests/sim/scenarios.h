// The scenarios of bine's own simulation, by what they are about.
#pragma once

#include <vector>

#include "bine/sim/scenario.h"

namespace bine::tests {

std::vector<sim::Scenario> http_scenarios();
std::vector<sim::Scenario> client_scenarios();
std::vector<sim::Scenario> net_scenarios();
std::vector<sim::Scenario> async_scenarios();
std::vector<sim::Scenario> tls_scenarios();

}  // namespace bine::tests
