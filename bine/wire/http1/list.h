// Comma-separated lists as header fields hold them (RFC 9110 section 5.6.1): empty elements are skipped, a comma inside a
// quoted string does not part.
#pragma once

#include <optional>
#include <string_view>

namespace bine::http1 {

// `for (ListReader list(value); auto element = list.next();)`: each element without the blanks around it.
class ListReader {
public:
    explicit ListReader(std::string_view text) noexcept : rest_(text) {}

    std::optional<std::string_view> next() noexcept;
    // Whether an element so far was empty ("a,,b", ", a"), which some grammars forbid.
    bool has_empty_element() const noexcept { return empty_; }

private:
    std::string_view rest_;
    bool empty_ = false;
};

// Whether `wanted` is one of the elements, whatever its case.
bool list_has(std::string_view list, std::string_view wanted) noexcept;

}  // namespace bine::http1
