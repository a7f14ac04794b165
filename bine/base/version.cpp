#include "bine/base/version.h"

namespace bine {

std::string_view version() noexcept { return BINE_VERSION; }

}  // namespace bine
