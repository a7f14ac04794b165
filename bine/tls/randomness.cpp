// The only door that OpenSSL 3 has for this is the one of OpenSSL 1.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "bine/tls/randomness.h"

#include <openssl/rand.h>

#include <mutex>

#include "bine/reactor/reactor.h"

namespace bine::tls {

namespace {

Driver* simulated_driver() noexcept {
    Reactor* const reactor = Reactor::current();
    return reactor && reactor->driver().is_simulated() ? &reactor->driver() : nullptr;
}

int draw(unsigned char* bytes, int count) {
    Driver* const driver = simulated_driver();
    if (!driver) return RAND_OpenSSL()->bytes(bytes, count);
    driver->random({reinterpret_cast<char*>(bytes), static_cast<std::size_t>(count)});
    return 1;
}

int status() { return 1; }

constexpr RAND_METHOD kOfWorlds{nullptr, draw, nullptr, nullptr, draw, status};

}  // namespace

void use_chance_of_worlds() {
    static std::once_flag once;
    if (simulated_driver()) std::call_once(once, [] { RAND_set_rand_method(&kOfWorlds); });
}

}  // namespace bine::tls
