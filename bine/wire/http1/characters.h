// The character classes of RFC 9110 and 9112, as one table: a bit a class.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bine::http1 {

enum CharacterClass : uint8_t {
    kToken = 1,       // tchar: methods, field names, codings
    kTarget = 2,      // visible ASCII but '#': what a request target may hold
    kValue = 4,       // field values: visible, blank, tab, and bytes from 0x80
    kHost = 8,        // of a name or IPv4 address in an authority, without '%'
    kQuoted = 16,     // qdtext of a quoted string
    kEntityTag = 32,  // etagc
    kPath = 64        // kTarget but '?'
};

constexpr std::array<uint8_t, 256> make_character_classes() {
    std::array<uint8_t, 256> table{};
    const auto mark = [&table](std::string_view characters, uint8_t classes) {
        for (const char c : characters) table[static_cast<uint8_t>(c)] |= classes;
    };
    constexpr std::string_view alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    mark(alphanumeric, kToken | kHost);
    mark("!#$%&'*+-.^_`|~", kToken);
    mark("-._~!$&'()*+,;=", kHost);
    for (unsigned c = 0x20; c < 256; ++c) {
        if (c == 0x7f) continue;
        table[c] |= kValue;
        if (c > 0x20 && c < 0x7f && c != '#') table[c] |= c == '?' ? kTarget : kTarget | kPath;
        if (c != '"' && c != '\\') table[c] |= kQuoted;
        if (c > 0x20 && c != '"') table[c] |= kEntityTag;
    }
    table['\t'] |= kValue | kQuoted;
    return table;
}

inline constexpr std::array<uint8_t, 256> kCharacterClasses = make_character_classes();

constexpr bool is(CharacterClass wanted, char c) noexcept {
    return (kCharacterClasses[static_cast<uint8_t>(c)] & wanted) != 0;
}

constexpr bool is_token(std::string_view text) noexcept {
    for (const char c : text) {
        if (!is(kToken, c)) return false;
    }
    return !text.empty();
}

constexpr bool is_field_value(std::string_view text) noexcept {
    for (const char c : text) {
        if (!is(kValue, c)) return false;
    }
    return true;
}

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

// Without the blanks (space, tab) at both ends.
constexpr std::string_view trim_blanks(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace bine::http1
