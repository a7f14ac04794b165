#include "bine/wire/http1/entity_tag.h"

#include <doctest/doctest.h>

namespace bine::http1 {
namespace {

TEST_CASE("a tag is a quoted opaque text, perhaps weak") {
    CHECK(EntityTag::try_parse("\"abc\"")->opaque == "abc");
    CHECK(EntityTag::try_parse("\"\"")->opaque.empty());
    CHECK(EntityTag::try_parse("W/\"a\\b,\"")->weak);
    for (const std::string_view text :
         {"", "abc", "\"", "\"a", "w/\"a\"", "W/", "\"a\"b", "\"a\" ", "\"a b\"", "\"a\"\""}) {
        CAPTURE(text);
        CHECK_FALSE(EntityTag::try_parse(text).has_value());
    }
}

TEST_CASE("weak tags are the same only weakly") {
    const EntityTag strong{"a", false};
    const EntityTag weak{"a", true};
    CHECK(same_tag(strong, strong, TagComparison::strong));
    CHECK_FALSE(same_tag(strong, weak, TagComparison::strong));
    CHECK_FALSE(same_tag(weak, weak, TagComparison::strong));
    CHECK(same_tag(strong, weak, TagComparison::weak));
    CHECK_FALSE(same_tag(strong, {"b", false}, TagComparison::weak));
}

TEST_CASE("a list names a tag") {
    const EntityTag tag{"a,b\\", false};
    CHECK(tag_list_has("*", tag, TagComparison::strong));
    CHECK(tag_list_has(" * ", tag, TagComparison::strong));
    CHECK(tag_list_has("\"x\" ,W/\"y\",, \"a,b\\\"", tag, TagComparison::strong));
    CHECK(tag_list_has("\"a,b\\\"", tag, TagComparison::strong));
    CHECK_FALSE(tag_list_has("W/\"a,b\\\"", tag, TagComparison::strong));
    CHECK(tag_list_has("W/\"a,b\\\"", tag, TagComparison::weak));
    for (const std::string_view list :
         {"", ",", "x, \"a,b\\\"", "\"x\" \"a,b\\\"", "\"x", "*, \"a,b\\\"", "\"A,B\\\""}) {
        CAPTURE(list);
        CHECK_FALSE(tag_list_has(list, tag, TagComparison::strong));
    }
}

}  // namespace
}  // namespace bine::http1
