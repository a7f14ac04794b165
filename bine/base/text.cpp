#include "bine/base/text.h"

#include <charconv>

namespace bine {

namespace {

std::optional<uint64_t> parse(std::string_view text, int base, uint64_t most) noexcept {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
    return value;
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr uint8_t byte(char c) noexcept { return static_cast<uint8_t>(c); }

// Whether one character of UTF-8 does nothing but show itself. Two and three bytes can be controls too: C1 (a terminal
// takes U+009B for ESC [), and what turns or breaks the line (U+200E/F, U+2028..202E, U+2066..2069).
bool printable(std::string_view character) noexcept {
    const uint8_t first = byte(character[0]);
    if (character.size() == 1) return first >= 0x20 && first < 0x7f && first != '"' && first != '\\';
    const uint8_t second = byte(character[1]);
    if (character.size() == 2) return first != 0xc2 || second >= 0xa0;
    if (character.size() == 4 || first != 0xe2) return true;
    const uint8_t third = byte(character[2]);
    if (second == 0x80) return third != 0x8e && third != 0x8f && (third < 0xa8 || third > 0xae);
    return second != 0x81 || third < 0xa6 || third > 0xa9;
}

void append_escaped(std::string& out, char c) {
    static constexpr char kHex[] = "0123456789abcdef";
    switch (c) {
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        default: break;
    }
    out += "\\x";
    out += kHex[byte(c) >> 4];
    out += kHex[byte(c) & 15];
}

}  // namespace

std::optional<uint64_t> try_parse_decimal(std::string_view text, uint64_t most) noexcept {
    return parse(text, 10, most);
}

std::optional<uint64_t> try_parse_hex(std::string_view text, uint64_t most) noexcept { return parse(text, 16, most); }

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

std::string to_lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = lower(c);
    return result;
}

std::string escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, length > 1 ? length : 1);
        if (length != 0 && printable(character)) {
            out += character;
        } else {
            for (const char c : character) append_escaped(out, c);
        }
        text.remove_prefix(character.size());
    }
    return out;
}

std::size_t utf8_length(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const uint8_t first = byte(text[0]);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(text[i]) & 0xc0) != 0x80) return 0;
    }
    const uint8_t second = byte(text[1]);
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    return overlong || beyond ? 0 : length;
}

}  // namespace bine
