#include "bine/net/protocol.h"

namespace bine {

Protocol::~Protocol() = default;

}  // namespace bine
