#include "bine/net/wire_protocol.h"

namespace bine {

std::string_view InputTail::join(std::string_view bytes) {
    if (kept_.empty()) return bytes;
    if (!bytes.empty()) {
        if (begin_ > kept_.size() / 2) {
            kept_.erase(0, begin_);
            begin_ = 0;
        }
        kept_.append(bytes);
    }
    return std::string_view(kept_).substr(begin_);
}

void InputTail::keep(std::string_view rest) {
    if (rest.empty()) {
        if (!kept_.empty()) std::string().swap(kept_);
        begin_ = 0;
    } else if (kept_.empty()) {
        kept_.assign(rest);
    } else {
        begin_ = kept_.size() - rest.size();
    }
}

}  // namespace bine
