#include "bine/net/close_reason.h"

namespace bine {

std::string CloseReason::to_string() const {
    if (error_) return error_->text();
    switch (kind_) {
        case Kind::closed_here: return "closed";
        case Kind::closed_there: return "closed by the other side";
        case Kind::aborted: return "aborted";
        case Kind::failed: break;
    }
    return "failed";
}

}  // namespace bine
