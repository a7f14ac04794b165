#include "bine/wire/http1/list.h"

#include "bine/base/text.h"
#include "bine/wire/http1/characters.h"

namespace bine::http1 {

namespace {

std::size_t element_length(std::string_view text) noexcept {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ',' && !quoted) return i;
        if (text[i] == '"') quoted = !quoted;
        if (text[i] == '\\' && quoted) ++i;
    }
    return text.size();
}

}  // namespace

std::optional<std::string_view> ListReader::next() noexcept {
    while (!rest_.empty()) {
        const std::size_t length = element_length(rest_);
        const std::string_view element = trim_blanks(rest_.substr(0, length));
        const bool comma = length < rest_.size();
        rest_.remove_prefix(comma ? length + 1 : length);
        if (comma && rest_.empty()) empty_ = true;
        if (!element.empty()) return element;
        empty_ = true;
    }
    return std::nullopt;
}

bool list_has(std::string_view list, std::string_view wanted) noexcept {
    for (ListReader reader(list); const auto element = reader.next();) {
        if (equals_ignoring_case(*element, wanted)) return true;
    }
    return false;
}

}  // namespace bine::http1
