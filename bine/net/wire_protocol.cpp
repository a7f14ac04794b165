#include "bine/net/wire_protocol.h"

namespace bine {

std::string_view InputTail::join(std::string_view bytes) {
    if (kept_.empty()) return bytes;
    kept_.append(bytes);
    return kept_;
}

void InputTail::keep(std::string_view rest) {
    if (rest.empty()) {
        if (!kept_.empty()) std::string().swap(kept_);
        return;
    }
    const bool own = !kept_.empty() && rest.data() >= kept_.data() && rest.data() < kept_.data() + kept_.size();
    if (own) {
        kept_.erase(0, kept_.size() - rest.size());
    } else {
        kept_.assign(rest);
    }
}

}  // namespace bine
