// Sessions that a client keeps to resume them (RFC 8446 section 2.2, RFC 5077). Inner part of the layer.
//
// Bounded: the one that was not used for longest goes. Any thread.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <string_view>

#include "bine/tls/openssl.h"

namespace bine::tls {

class Sessions {
public:
    explicit Sessions(std::size_t most) : most_(most) {}

    void put(std::string_view name, OwnedSession session);
    // The newest of that name; nothing when there is none. One of TLS 1.3 is given out once.
    OwnedSession take(std::string_view name);
    std::size_t size() const;

private:
    struct Kept {
        std::string name;
        OwnedSession session;
    };
    const std::size_t most_;
    mutable std::mutex mutex_;
    std::list<Kept> kept_;  // the newest in front; few enough to look through
};

}  // namespace bine::tls
