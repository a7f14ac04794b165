// The reactor that the settings ask for.
#pragma once

#include <memory>
#include <string>

#include "bine/reactor/reactor.h"

namespace bine::app {

// `reason`: why the driver was asked for; empty when it was not, and bine chooses.
// Errors: throws Error when the system refuses what the driver needs.
std::unique_ptr<Reactor> make_reactor(const std::string& reason);

}  // namespace bine::app
