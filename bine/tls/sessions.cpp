#include "bine/tls/sessions.h"

#include <algorithm>

namespace bine::tls {

void Sessions::put(std::string_view name, OwnedSession session) {
    const std::lock_guard lock(mutex_);
    kept_.push_front({std::string(name), std::move(session)});
    if (kept_.size() > most_) kept_.pop_back();
}

OwnedSession Sessions::take(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.name == name; });
    if (found == kept_.end()) return nullptr;
    const bool again = SSL_SESSION_get_protocol_version(found->session.get()) < TLS1_3_VERSION;
    if (again) {
        SSL_SESSION_up_ref(found->session.get());
        kept_.splice(kept_.begin(), kept_, found);
        return OwnedSession(found->session.get());
    }
    OwnedSession session = std::move(found->session);
    kept_.erase(found);
    return session;
}

std::size_t Sessions::size() const {
    const std::lock_guard lock(mutex_);
    return kept_.size();
}

}  // namespace bine::tls
