// How connections behave, and how many a listener may have.
#pragma once

#include <cstddef>

#include "bine/base/time.h"
#include "bine/driver/lane.h"

namespace bine {

struct ConnectionOptions {
    Lane lane = Lane::native;
    bool ends_plainly = false;  // as Driver::end_plainly says
    Duration idle_timeout{0};   // without a byte in either direction: aborted with timed_out. 0: never
    std::size_t write_high = 65536;
    std::size_t write_low = 16384;
};

struct ListenerOptions {
    ConnectionOptions connection{};
    // 0: any number. At the cap of all, connections wait in the system's backlog until one ends; over the cap of its
    // peer, a connection is closed at once.
    std::size_t max_connections = 0;
    std::size_t max_per_peer = 0;
};

}  // namespace bine
