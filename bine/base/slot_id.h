// Names for slots of a table: index and generation, so that a name kept too long finds nobody.
#pragma once

#include <cstdint>

namespace bine {

// The name of a slot. The zero value names nothing, ever.
struct SlotId {
    uint32_t index = 0;
    uint32_t generation = 0;

    explicit operator bool() const noexcept { return generation != 0; }
    friend bool operator==(SlotId, SlotId) = default;

    // Both numbers in one word, as a kernel event carries it.
    uint64_t word() const noexcept { return (uint64_t{generation} << 32) | index; }
    static SlotId from_word(uint64_t word) noexcept {
        return {static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32)};
    }
};

}  // namespace bine
