// Any text as challenges: read or refused; a digest among them is answered with something that is read the same.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/client/auth.h"

using namespace bine;
using namespace bine::http;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const auto challenges = parse_challenges({reinterpret_cast<const char*>(data), size});
    if (!challenges) return 0;
    DigestAuth auth("us\"er", "password");
    if (!auth.challenged(*challenges, false)) return 0;
    const auto text = auth.authorization("GET", "/", std::array<std::byte, DigestAuth::kClientNonce>());
    if (!text) return 0;
    const auto again = parse_challenges(*text);
    require(again && again->size() == 1 && again->front().scheme == "digest");
    require(again->front().find("username").has_value());
    for (const auto& [name, value] : again->front().parameters) {
        require(name != "nonce" || !value.empty());
        require(name != "username" || value == "us\"er" || value.size() >= 32);
    }
    return 0;
}
