#include "bine/wire/ip_text.h"

#include <algorithm>
#include <charconv>

#include "bine/base/text.h"

namespace bine::wire {

std::optional<Ipv4> try_parse_ipv4(std::string_view text) noexcept {
    Ipv4 address{};
    for (std::size_t i = 0; i < address.size(); ++i) {
        const std::size_t end = i == 3 ? text.size() : text.find('.');
        if (end == text.npos) return std::nullopt;
        const std::string_view part = text.substr(0, end);
        const auto number = try_parse_decimal(part, 255);
        if (!number || (part.size() > 1 && part[0] == '0')) return std::nullopt;
        address[i] = static_cast<uint8_t>(*number);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return address;
}

std::optional<Ipv6> try_parse_ipv6(std::string_view text) noexcept {
    Ipv6 address{};
    std::size_t filled = 0;
    std::optional<std::size_t> gap;
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    } else if (text.empty()) {
        return std::nullopt;
    }
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(':'), text.size());
        const std::string_view part = text.substr(0, end);
        if (end == text.size() && part.find('.') != part.npos) {
            const auto tail = try_parse_ipv4(part);
            if (!tail || filled > 12) return std::nullopt;
            std::copy(tail->begin(), tail->end(), address.begin() + static_cast<std::ptrdiff_t>(filled));
            filled += 4;
            break;
        }
        const auto group = try_parse_hex(part);
        if (!group || part.size() > 4 || filled == 16) return std::nullopt;
        address[filled++] = static_cast<uint8_t>(*group >> 8);
        address[filled++] = static_cast<uint8_t>(*group & 255);
        text.remove_prefix(end);
        if (text == ":") return std::nullopt;
        if (text.starts_with("::")) {
            if (gap) return std::nullopt;
            gap = filled;
            text.remove_prefix(1);
        }
        text.remove_prefix(std::min<std::size_t>(1, text.size()));
    }
    if (!gap) return filled == 16 ? std::optional(address) : std::nullopt;
    if (filled == 16) return std::nullopt;
    const auto at = [&](std::size_t offset) { return address.begin() + static_cast<std::ptrdiff_t>(offset); };
    std::rotate(at(*gap), at(filled), address.end());
    return address;
}

std::string to_text(const Ipv4& address) {
    std::string text;
    for (const uint8_t number : address) text += (text.empty() ? "" : ".") + std::to_string(number);
    return text;
}

namespace {

struct Run {
    std::size_t start = 0;
    std::size_t length = 0;
};

// The first of the longest runs of zero groups; one group alone is written out.
Run longest_zeros(const std::array<unsigned, 8>& groups) noexcept {
    Run best;
    Run current;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        current = groups[i] == 0 ? Run{current.length == 0 ? i : current.start, current.length + 1} : Run{};
        if (current.length > best.length) best = current;
    }
    return best.length > 1 ? best : Run{};
}

}  // namespace

std::string to_text(const Ipv6& address) {
    std::array<unsigned, 8> groups;
    for (std::size_t i = 0; i < 8; ++i) groups[i] = static_cast<unsigned>(address[2 * i] << 8 | address[2 * i + 1]);
    const Run zeros = longest_zeros(groups);
    if (zeros.start == 0 && zeros.length == 5 && groups[5] == 0xffff) {
        return "::ffff:" + to_text(Ipv4{address[12], address[13], address[14], address[15]});
    }
    std::string text;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (zeros.length != 0 && i == zeros.start) {
            text += "::";
            i += zeros.length - 1;
            continue;
        }
        if (!text.empty() && text.back() != ':') text += ':';
        char digits[4];
        text.append(digits, std::to_chars(digits, digits + sizeof digits, groups[i], 16).ptr);
    }
    return text;
}

}  // namespace bine::wire
