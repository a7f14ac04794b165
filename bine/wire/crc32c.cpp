#include "bine/wire/crc32c.h"

#include <array>

namespace bine::wire {

namespace {

constexpr std::array<uint32_t, 256> make_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1u) != 0 ? 0x82f63b78u : 0u);
        table[i] = value;
    }
    return table;
}

constexpr std::array<uint32_t, 256> kTable = make_table();

}  // namespace

uint32_t crc32c(std::string_view bytes, uint32_t before) noexcept {
    uint32_t value = ~before;
    for (const char c : bytes) value = kTable[(value ^ static_cast<uint8_t>(c)) & 255u] ^ (value >> 8);
    return ~value;
}

}  // namespace bine::wire
