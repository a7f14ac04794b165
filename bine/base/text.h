// Small questions about text that every layer asks: numbers as the wire writes them, and text fit to print.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bine {

// Decimal digits only (no sign, no space, no 0x), nothing left over, no more than `most`. Nothing for an empty text.
std::optional<uint64_t> try_parse_decimal(std::string_view text, uint64_t most = UINT64_MAX) noexcept;
std::optional<uint64_t> try_parse_hex(std::string_view text, uint64_t most = UINT64_MAX) noexcept;

// ASCII only: what protocols mean by "case-insensitive".
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
std::string to_lower(std::string_view text);

// `text` with control characters (those of Unicode that turn or break a line too), quotes, backslashes and bytes that are
// no UTF-8 written as \n, \", \\, \x1b ...: safe for a terminal and a log line.
std::string escape(std::string_view text);

// Bytes of the UTF-8 sequence that `text` begins with, or 0 when it is none (overlong, surrogate, cut short).
std::size_t utf8_length(std::string_view text) noexcept;

}  // namespace bine
