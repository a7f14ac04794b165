#include "bine/base/descriptor.h"

#include <unistd.h>

namespace bine {

void Descriptor::reset(int fd) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
}

}  // namespace bine
