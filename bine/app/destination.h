// Where a body goes: standard output, or a file that appears under its name when it is whole. On one reactor's thread.
#pragma once

#include <memory>
#include <string>

#include "bine/async/deferred.h"

namespace bine {
class Reactor;
}

namespace bine::app {

class Destination {
public:
    // Without finish(), a file that is not whole stays beside its place, if anything came.
    virtual ~Destination() = default;

    // One at a time. Errors: the system's.
    virtual Deferred<> write(std::string bytes) = 0;
    // All has been written. Errors: the system's.
    virtual Result<> finish() = 0;
    // "12.3 MiB are kept in x.part", when that is so, and what is there is closed; else empty.
    virtual std::string give_up() { return {}; }
};

// `fd` stays the caller's, and blocking: what it does not take now waits for it without holding up the loop.
std::unique_ptr<Destination> make_stream_destination(Reactor& reactor, int fd);

// Writes to "PATH.part" and renames that to PATH, whose permissions it takes over when there was such a file; what is no
// regular file (/dev/null, a pipe) is written to as it is. Errors: the system's; that another download writes there.
Result<std::unique_ptr<Destination>> open_file_destination(Reactor& reactor, const std::string& path);

}  // namespace bine::app
