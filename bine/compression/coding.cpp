#include "bine/compression/coding.h"

#include <algorithm>
#include <array>
#include <string>

#include "bine/base/text.h"

namespace bine::compression {

namespace {

struct Name {
    std::string_view text;
    Coding coding;
};

// The first name of a coding is the one to write.
constexpr std::array kNames = {
    Name{"gzip", Coding::gzip}, Name{"deflate", Coding::deflate}, Name{"br", Coding::brotli},
    Name{"zstd", Coding::zstd}, Name{"x-gzip", Coding::gzip},
};

std::string_view take_element(std::string_view& list) noexcept {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view element = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const std::size_t first = element.find_first_not_of(" \t");
    if (first == element.npos) return {};
    return element.substr(first, element.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string_view name_of(Coding coding) noexcept { return std::ranges::find(kNames, coding, &Name::coding)->text; }

std::optional<Coding> try_parse_coding(std::string_view name) noexcept {
    const auto found =
        std::ranges::find_if(kNames, [&](const Name& known) { return equals_ignoring_case(name, known.text); });
    return found == kNames.end() ? std::nullopt : std::optional(found->coding);
}

Result<std::vector<Coding>> parse_content_encoding(std::string_view value) {
    std::vector<Coding> codings;
    while (!value.empty()) {
        const std::string_view element = take_element(value);
        if (element.empty() || equals_ignoring_case(element, "identity")) continue;
        const std::optional<Coding> coding = try_parse_coding(element);
        if (!coding) {
            return fail(Errc::unsupported, "the content coding \"" + escape(element.substr(0, 64)) +
                                               "\" is unknown; gzip, deflate, br and zstd are known");
        }
        if (codings.size() == kMostCodings) {
            return fail(Errc::limit_exceeded,
                        "a body of more than " + std::to_string(kMostCodings) + " content codings is refused");
        }
        codings.push_back(*coding);
    }
    return codings;
}

}  // namespace bine::compression
