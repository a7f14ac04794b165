// The reactor that the settings ask for.
#pragma once

#include <memory>

#include "bine/reactor/reactor.h"

namespace bine::app {

struct Settings;

// Errors: throws Error when the system refuses what the driver needs.
std::unique_ptr<Reactor> make_reactor(const Settings& settings);

}  // namespace bine::app
