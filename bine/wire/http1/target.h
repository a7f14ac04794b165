// The parts of a request target: percent-decoding, paths without dot segments, query parameters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bine::http1 {

// "a%20b" is "a b". Nothing for a '%' without two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);
// The same at the end of `output`; false, and no change, for a '%' without two digits.
bool append_percent_decoded(std::string_view text, std::string& output);

// Everything but letters, digits and "-._~" as %XX; '/' stays when `keep_slashes`.
std::string percent_encode(std::string_view text, bool keep_slashes = false);

// Whether a path can be used as it stands: nothing encoded in it, no "." or ".." segment.
bool is_plain_path(std::string_view path) noexcept;

// A path as sent, decoded, with its dot segments resolved (also those that were encoded); begins with '/'. ".." above the
// root stays at the root. Nothing for a bad '%', for a NUL byte, and for an encoded '/', which would become a separator.
std::optional<std::string> decode_path(std::string_view path);

// The same, still encoded but for letters, digits and "-._~"; nothing for a bad '%' only. Segments can be told apart in it
// that hold an encoded '/'.
std::optional<std::string> normalize_path(std::string_view path);

// "a=1&b=2&c": the parameters in their order, still encoded.
//     for (Query query(request.query()); auto item = query.next();) ... Query::decode(item->value)
class Query {
public:
    struct Item {
        std::string_view name;
        std::string_view value;
    };

    explicit Query(std::string_view text) noexcept : rest_(text) {}
    std::optional<Item> next() noexcept;

    // Percent-decoding and '+' for a blank, as forms have it. A bad '%' stands for itself.
    static std::string decode(std::string_view text);

private:
    std::string_view rest_;
};

}  // namespace bine::http1
