// CRC-32C (Castagnoli), as the PROXY protocol uses it; of a few kilobytes, so a table and no instruction of the processor.
#pragma once

#include <cstdint>
#include <string_view>

namespace bine::wire {

// `before` is the CRC of the bytes in front of these.
uint32_t crc32c(std::string_view bytes, uint32_t before = 0) noexcept;

}  // namespace bine::wire
