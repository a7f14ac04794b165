// Watching a descriptor of somebody else's: a library's socket, a pipe, a device.
#pragma once

#include <memory>

#include "bine/base/function.h"
#include "bine/reactor/reactor.h"

namespace bine {

// Calls back, in every turn, while the descriptor is ready for what is asked. Level-triggered: read it, or ask no more.
// The descriptor stays the caller's and must be open as long as the watch lives. Errors and hang-ups count as ready. The
// callback may destroy the watch.
class DescriptorWatch final : private WatchSink {
public:
    using Callback = Function<void(bool readable, bool writable)>;

    // Throws Error: the descriptor cannot be watched (a regular file), is watched already, or there are none (simulation).
    DescriptorWatch(Reactor& reactor, int fd, bool readable, bool writable, Callback callback,
                    Lane lane = Lane::native);
    ~DescriptorWatch();
    DescriptorWatch(const DescriptorWatch&) = delete;
    DescriptorWatch& operator=(const DescriptorWatch&) = delete;

    // Asks for something else from now on.
    void watch(bool readable, bool writable);

private:
    void ready(bool readable, bool writable) override;

    Reactor& reactor_;
    std::shared_ptr<Callback> callback_;  // kept by a call under way: the callback may destroy its watch
    SocketId id_;
};

}  // namespace bine
