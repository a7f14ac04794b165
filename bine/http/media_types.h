// Which media type a file is sent with: by the extension of its name, else by a look at its first bytes.
// Pure functions; what they return lives for ever.
#pragma once

#include <cstddef>
#include <string_view>

namespace bine::http {

// "text/html; charset=utf-8" for "a.HTML". Empty when the name has no extension or one that nobody knows.
std::string_view media_type_of(std::string_view file_name) noexcept;

// For a file whose name says nothing: plain text (README, LICENSE, notes.xyz), or bytes that a browser will only offer to
// save. Never a type that a browser runs.
std::string_view media_type_of_content(std::string_view beginning) noexcept;
// As much as is worth looking at.
inline constexpr std::size_t kSniffedBytes = 512;

// Whether compression makes files of that type smaller: text and what is text inside.
bool is_compressible(std::string_view media_type) noexcept;

}  // namespace bine::http
