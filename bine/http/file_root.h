// A folder, and what is beneath it: opens files by paths that strangers chose, and nothing outside.
//
// `..`, absolute links and links that climb out lead nowhere, also when somebody renames folders meanwhile; links that stay
// inside work. The kernel decides (openat2 with RESOLVE_BENEATH); where it cannot, or a sandbox forbids it, the path is
// walked one name at a time. The folder is opened once: renaming it changes nothing. Every call blocks; from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bine/base/descriptor.h"
#include "bine/base/ref.h"
#include "bine/base/result.h"

namespace bine::http {

class FileRoot final : public Counted {
public:
    enum class Resolver : uint8_t { automatic, walk };

    // Errors: throws Error (of the system) when `folder` cannot be opened or is none.
    explicit FileRoot(const std::string& folder, Resolver resolver = Resolver::automatic);

    // Opens `path` ("a/b.txt"; "" is the folder itself) for reading. Never waits for a FIFO; what was opened may be of any
    // kind, so look at it. The descriptor is non-blocking and closed on exec.
    // Errors: of the system. EXDEV: the path leads out; ENOENT also for a path that no file can have.
    Result<Descriptor> open(std::string_view path) const;

    // Whether the kernel resolves.
    bool uses_openat2() const noexcept { return resolver_ == Resolver::automatic; }

private:
    Descriptor folder_;
    Resolver resolver_;
};

}  // namespace bine::http
