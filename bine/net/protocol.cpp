#include "bine/net/protocol.h"

namespace bine {

Protocol::~Protocol() = default;

void Protocol::descriptor_received(Descriptor) {}

}  // namespace bine
