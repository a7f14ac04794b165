// Entity tags (RFC 9110 section 8.8.3) and the lists of them in If-Match and If-None-Match.
#pragma once

#include <optional>
#include <string_view>

namespace bine::http1 {

struct EntityTag {
    std::string_view opaque;  // between the quotes
    bool weak = false;

    // `"abc"` or `W/"abc"`, and nothing else.
    static std::optional<EntityTag> try_parse(std::string_view text) noexcept;
};

enum class TagComparison { strong, weak };

bool same_tag(const EntityTag& a, const EntityTag& b, TagComparison how) noexcept;

// Whether the list names `tag`, or is "*" ("any version"). A list with something else in it names nothing from there on.
bool tag_list_has(std::string_view list, const EntityTag& tag, TagComparison how) noexcept;

}  // namespace bine::http1
