#include "bine/reactor/watch.h"

namespace bine {

DescriptorWatch::DescriptorWatch(Reactor& reactor, int fd, bool readable, bool writable, Callback callback, Lane lane)
    : reactor_(reactor), callback_(std::make_shared<Callback>(std::move(callback))) {
    const auto id = reactor.driver().watch(fd, readable, writable, *this, lane);
    if (!id) throw id.error();
    id_ = *id;
}

DescriptorWatch::~DescriptorWatch() { reactor_.driver().unwatch(id_); }

void DescriptorWatch::watch(bool readable, bool writable) {
    const auto done = reactor_.driver().rewatch(id_, readable, writable);
    if (!done) throw done.error();
}

void DescriptorWatch::ready(bool readable, bool writable) {
    reactor_.guard("a watched descriptor", [&, callback = callback_] { (*callback)(readable, writable); });
}

}  // namespace bine
