// Which bine this is. The number is written once, in the top CMakeLists.txt.
#pragma once

#include <string_view>

namespace bine {

// "0.1.0": major, minor, patch. Static storage.
std::string_view version() noexcept;

}  // namespace bine
