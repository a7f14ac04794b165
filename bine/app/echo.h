// `bine echo`: sends back what it receives.
#pragma once

#include <memory>

#include "bine/app/service.h"

namespace bine::app {

std::unique_ptr<Service> make_echo_service();

}  // namespace bine::app
