#include "bine/app/reactor_choice.h"

#include "bine/app/settings.h"
#include "bine/driver/drivers.h"

namespace bine::app {

std::unique_ptr<Reactor> make_reactor(const Settings& settings) {
    return std::make_unique<Reactor>(make_native_driver(settings.reactor, settings.reactor_reason));
}

}  // namespace bine::app
