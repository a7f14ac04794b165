#include "bine/wire/http1/entity_tag.h"

#include "bine/wire/http1/characters.h"
#include "bine/wire/http1/list.h"

namespace bine::http1 {

namespace {

// The tag that `text` begins with, which is taken from it.
std::optional<EntityTag> take_tag(std::string_view& text) noexcept {
    EntityTag tag;
    if (text.starts_with("W/")) {
        tag.weak = true;
        text.remove_prefix(2);
    }
    if (!text.starts_with('"')) return std::nullopt;
    std::size_t end = 1;
    while (end < text.size() && is(kEntityTag, text[end])) ++end;
    if (end == text.size() || text[end] != '"') return std::nullopt;
    tag.opaque = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return tag;
}

}  // namespace

std::optional<EntityTag> EntityTag::try_parse(std::string_view text) noexcept {
    const auto tag = take_tag(text);
    return text.empty() ? tag : std::nullopt;
}

bool same_tag(const EntityTag& a, const EntityTag& b, TagComparison how) noexcept {
    if (how == TagComparison::strong && (a.weak || b.weak)) return false;
    return a.opaque == b.opaque;
}

// Not with ListReader: a backslash is an ordinary character of a tag.
bool tag_list_has(std::string_view list, const EntityTag& tag, TagComparison how) noexcept {
    if (trim_blanks(list) == "*") return true;
    for (;;) {
        while (!list.empty() && (is_blank(list.front()) || list.front() == ',')) list.remove_prefix(1);
        const auto next = take_tag(list);
        if (!next) return false;
        if (same_tag(*next, tag, how)) return true;
        list = trim_blanks(list);
        if (!list.starts_with(',')) return false;
    }
}

}  // namespace bine::http1
