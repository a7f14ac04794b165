// The content codings that bine reads and writes, and their names in Content-Encoding and Accept-Encoding (RFC 9110
// section 8.4.1, RFC 7932, RFC 8878). Values only; usable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bine/base/result.h"

namespace bine::compression {

enum class Coding : uint8_t { gzip, deflate, brotli, zstd };

// "gzip", "deflate", "br", "zstd".
std::string_view name_of(Coding coding) noexcept;
// Whatever their case; "x-gzip" is gzip. Nothing for others, "identity" among them.
std::optional<Coding> try_parse_coding(std::string_view name) noexcept;

// What a client that decodes all of them says in Accept-Encoding.
inline constexpr std::string_view kAcceptEncoding = "gzip, deflate, br, zstd";

// More codings than this on one body are refused: nobody sends them, and each costs memory.
inline constexpr std::size_t kMostCodings = 4;

// The value of Content-Encoding: codings in the order in which they were applied. "identity" and empty elements are
// left out, so that the answer may be empty.
// Errors: unsupported for a coding that is not known, limit_exceeded for more than kMostCodings.
Result<std::vector<Coding>> parse_content_encoding(std::string_view value);

}  // namespace bine::compression
