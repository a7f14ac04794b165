#include "bine/net/retire.h"

#include <utility>

#include "bine/reactor/reactor.h"

namespace bine {

namespace {

struct Retired final : Disposable {
    explicit Retired(std::unique_ptr<Protocol> retired) : protocol(std::move(retired)) {}
    std::unique_ptr<Protocol> protocol;
};

}  // namespace

void retire(Reactor& reactor, std::unique_ptr<Protocol> protocol) {
    if (protocol) reactor.dispose(std::make_unique<Retired>(std::move(protocol)));
}

}  // namespace bine
