#include "bine/testing/expect.h"

#include <algorithm>

#include "bine/base/error.h"

namespace bine::testing {

Breach::Breach(std::string_view what, const Place& place)
    : std::runtime_error(to_string(place) + ": " + std::string(what)) {}

void expect(bool holds, std::string_view what, Place place) {
    if (!holds) throw Breach(what, place);
}

void expect_same_number(int64_t found, int64_t wanted, std::string_view what, Place place) {
    if (found == wanted) return;
    throw Breach(std::string(what) + ": " + std::to_string(found) + " where " + std::to_string(wanted) + " was wanted",
                 place);
}

void expect_equal(std::string_view found, std::string_view wanted, std::string_view what, Place place) {
    if (found == wanted) return;
    const auto [at, unused] = std::mismatch(found.begin(), found.end(), wanted.begin(), wanted.end());
    throw Breach(std::string(what) + ": " + std::to_string(found.size()) + " bytes where " +
                     std::to_string(wanted.size()) + " were wanted, different from byte " +
                     std::to_string(at - found.begin()),
                 place);
}

std::string pattern(std::size_t size, uint64_t seed) {
    std::string bytes(size, '\0');
    uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
    for (char& byte : bytes) {
        state = state * 6364136223846793005 + 1442695040888963407;
        byte = static_cast<char>(state >> 56);
    }
    return bytes;
}

}  // namespace bine::testing
