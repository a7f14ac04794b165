#include "bine/wire/http1/target.h"

#include <algorithm>
#include <cstring>

#include "bine/wire/http1/characters.h"

namespace bine::http1 {

namespace {

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The byte that text[at] == '%' and the next two say; -1 when they say none.
int decoded_byte(std::string_view text, std::size_t at) noexcept {
    if (text.size() - at < 3) return -1;
    const int high = hex_value(text[at + 1]);
    const int low = hex_value(text[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool is_unreserved(char c) noexcept {
    const char lower = static_cast<char>(c | 0x20);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

// `path` ends with a complete segment. Takes "/." and "/.." from its end, and for ".." the segment before it.
void resolve_last_segment(std::string& path, bool last) {
    const std::size_t slash = path.rfind('/');
    const std::string_view segment = std::string_view(path).substr(slash + 1);
    if (segment == ".") {
        path.resize(slash);
    } else if (segment == "..") {
        path.resize(slash);
        const std::size_t parent = path.rfind('/');
        path.resize(parent == std::string::npos ? 0 : parent);
    } else {
        return;
    }
    if (last) path += '/';
}

}  // namespace

bool append_percent_decoded(std::string_view text, std::string& output) {
    const std::size_t before = output.size();
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            output += text[i];
            continue;
        }
        const int byte = decoded_byte(text, i);
        if (byte < 0) {
            output.resize(before);
            return false;
        }
        output += static_cast<char>(byte);
        i += 2;
    }
    return true;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    if (!append_percent_decoded(text, decoded)) return std::nullopt;
    return decoded;
}

std::string percent_encode(std::string_view text, bool keep_slashes) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c) || (keep_slashes && c == '/')) {
            encoded += c;
        } else {
            const auto byte = static_cast<uint8_t>(c);
            encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
    return encoded;
}

namespace {

// Whether one of eight bytes is '%' or '.'.
bool has_odd_byte(uint64_t word) noexcept {
    constexpr uint64_t kOnes = 0x0101010101010101;
    const uint64_t percent = word ^ kOnes * '%';
    const uint64_t dot = word ^ kOnes * '.';
    return ((((percent - kOnes) & ~percent) | ((dot - kOnes) & ~dot)) & kOnes << 7) != 0;
}

template <class Word>
uint64_t word_at(const char* at) noexcept {
    Word word = 0;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// False is sure.
bool may_be_odd(std::string_view path) noexcept {
    const char* const end = path.data() + path.size();
    if (path.size() < 4) return true;  // a look at each is as quick
    if (path.size() < 8) return has_odd_byte(word_at<uint32_t>(path.data()) << 32 | word_at<uint32_t>(end - 4));
    for (const char* at = path.data(); end - at > 8; at += 8) {
        if (has_odd_byte(word_at<uint64_t>(at))) return true;
    }
    return has_odd_byte(word_at<uint64_t>(end - 8));
}

}  // namespace

bool is_plain_path(std::string_view path) noexcept {
    if (!may_be_odd(path)) return true;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '%') return false;
        if (path[i] != '.' || (i > 0 && path[i - 1] != '/')) continue;
        const std::size_t dots = path.substr(i).starts_with("..") ? 2 : 1;
        if (i + dots == path.size() || path[i + dots] == '/') return false;
    }
    return true;
}

namespace {

enum class Decoding { all, unreserved };

// What stands at path[at], which moves behind it, goes to the end of `result`; false when it cannot be.
bool take_path_byte(std::string_view path, std::size_t& at, Decoding decoding, std::string& result) {
    if (path[at] != '%') {
        result += path[at++];
        return true;
    }
    const int byte = decoded_byte(path, at);
    if (byte < 0) return false;
    const char c = static_cast<char>(byte);
    if (decoding == Decoding::all && (c == 0 || c == '/')) return false;
    if (decoding == Decoding::all || is_unreserved(c)) {
        result += c;
    } else {
        result += path.substr(at, 3);
    }
    at += 3;
    return true;
}

std::optional<std::string> resolve(std::string_view path, Decoding decoding) {
    if (!path.starts_with('/')) return std::nullopt;
    std::string result;
    result.reserve(path.size() + 1);
    for (std::size_t at = 0; at < path.size();) {
        if (path[at] == '/' && !result.empty()) resolve_last_segment(result, false);
        if (!take_path_byte(path, at, decoding, result)) return std::nullopt;
    }
    resolve_last_segment(result, true);
    return result;
}

}  // namespace

std::optional<std::string> decode_path(std::string_view path) { return resolve(path, Decoding::all); }

std::optional<std::string> normalize_path(std::string_view path) { return resolve(path, Decoding::unreserved); }

std::optional<Query::Item> Query::next() noexcept {
    while (!rest_.empty()) {
        const std::size_t length = std::min(rest_.find('&'), rest_.size());
        const std::string_view pair = rest_.substr(0, length);
        rest_.remove_prefix(std::min(length + 1, rest_.size()));
        if (pair.empty()) continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        return Item{pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))};
    }
    return std::nullopt;
}

std::string Query::decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int byte = text[i] == '%' ? decoded_byte(text, i) : -1;
        if (byte >= 0) i += 2;
        decoded += byte >= 0 ? static_cast<char>(byte) : text[i] == '+' ? ' ' : text[i];
    }
    return decoded;
}

}  // namespace bine::http1
