#include "bine/wire/http1/range.h"

#include <algorithm>

#include "bine/base/text.h"
#include "bine/wire/http1/characters.h"

namespace bine::http1 {

namespace {

using Kind = ByteRange::Kind;

ByteRange last_bytes(uint64_t count, uint64_t size) noexcept {
    const uint64_t length = std::min(count, size);
    if (length == 0) return {Kind::unsatisfiable};
    return {Kind::satisfiable, size - length, length};
}

// All digits, however many: what 64 bits cannot hold is beyond any end.
bool read_number(std::string_view text, uint64_t& number) noexcept {
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
    if (digits) number = try_parse_decimal(text).value_or(UINT64_MAX);
    return digits;
}

}  // namespace

ByteRange ByteRange::parse(std::string_view field, uint64_t size) noexcept {
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos || !equals_ignoring_case(field.substr(0, equals), "bytes")) return {};
    const std::string_view spec = trim_blanks(field.substr(equals + 1));
    const std::size_t dash = spec.find('-');
    if (dash == std::string_view::npos) return {};
    const std::string_view first = spec.substr(0, dash);
    const std::string_view last = spec.substr(dash + 1);

    uint64_t from = 0;
    uint64_t to = UINT64_MAX;
    if (first.empty()) return read_number(last, to) ? last_bytes(to, size) : ByteRange{};
    if (!read_number(first, from)) return {};
    if (!last.empty() && !read_number(last, to)) return {};
    if (to < from) return {};
    if (from >= size) return {Kind::unsatisfiable};
    return {Kind::satisfiable, from, std::min(to, size - 1) - from + 1};
}

}  // namespace bine::http1
