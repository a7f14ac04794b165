#include "bine/app/reactor_choice.h"

#include "bine/reactor/drivers.h"

namespace bine::app {

std::unique_ptr<Reactor> make_reactor(const std::string& reason) {
    if (reason.empty()) return std::make_unique<Reactor>();
    return std::make_unique<Reactor>(make_epoll_driver(reason));
}

}  // namespace bine::app
