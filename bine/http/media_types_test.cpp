#include "bine/http/media_types.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace bine::http;
using namespace std::literals;

TEST_CASE("a file name says its media type by its extension") {
    struct Row {
        std::string_view name;
        std::string_view type;
    };
    static constexpr std::array kRows = {
        Row{"index.html", "text/html; charset=utf-8"},
        Row{"INDEX.HTM", "text/html; charset=utf-8"},
        Row{"a.css", "text/css; charset=utf-8"},
        Row{"a.js", "text/javascript; charset=utf-8"},
        Row{"a.mjs", "text/javascript; charset=utf-8"},
        Row{"a.json", "application/json"},
        Row{"a.wasm", "application/wasm"},
        Row{"a.webmanifest", "application/manifest+json"},
        Row{"a.svg", "image/svg+xml"},
        Row{"a.avif", "image/avif"},
        Row{"a.webp", "image/webp"},
        Row{"a.JPeG", "image/jpeg"},
        Row{"a.woff2", "font/woff2"},
        Row{"a.mp4", "video/mp4"},
        Row{"a.tar.gz", "application/gzip"},
        Row{"a.zip", "application/zip"},
        Row{"a.pdf", "application/pdf"},
        Row{"a.txt", "text/plain; charset=utf-8"},
        Row{"a.cpp", "text/plain; charset=utf-8"},
        Row{"3.3gp", "video/3gpp"},
        Row{"last.zst", "application/zstd"},
        Row{"dir.d/.css", ""},  // a hidden file without an extension
        Row{".css", ""},
        Row{"html", ""},
        Row{"a.", ""},
        Row{"a.html ", ""},
        Row{"a.nobodyknows", ""},
        Row{"a.webmanifestwebmanifest", ""},
        Row{"a.html\0"sv, ""},
        Row{"", ""},
        Row{".", ""},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.name);
        CHECK(media_type_of(row.name) == row.type);
    }
}

TEST_CASE("what a name does not say, the content does: text is shown, all else is saved") {
    const std::string_view plain = "text/plain; charset=utf-8";
    const std::string_view bytes = "application/octet-stream";
    struct Row {
        std::string_view content;
        bool is_text;
    };
    static constexpr std::array kRows = {
        Row{"", true},
        Row{"MIT License\r\n\tCopyright\f", true},
        Row{"gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x8c\xb1", true},
        Row{"\x1b[1mbold\x1b[0m", true},
        Row{"<html><script>alert(1)</script>", true},  // and plain: nothing runs
        Row{"\x7f"
            "ELF",
            false},
        Row{"a\0b"sv, false},
        Row{"\x89PNG\r\n", false},
        Row{"latin-1: \xe9t\xe9", false},
        Row{"overlong \xc0\xaf", false},
        Row{"surrogate \xed\xa0\x80 and more", false},
        Row{"\x01", false},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.content);
        CHECK(media_type_of_content(row.content) == (row.is_text ? plain : bytes));
    }
}

TEST_CASE("a character cut by the end of what was looked at is still text") {
    for (const std::string_view character :
         {"\xc3\xbc"sv, "\xe0\xa4\xb9"sv, "\xed\x9f\xbf"sv, "\xf0\x9f\x8c\xb1"sv, "\xf4\x8f\xbf\xbf"sv}) {
        for (std::size_t cut = 1; cut <= character.size(); ++cut) {
            const std::string text =
                std::string(kSniffedBytes - cut, 'a') + std::string(character) + std::string(100, '\0');
            CAPTURE(cut);
            CHECK(media_type_of_content(text) == "text/plain; charset=utf-8");
        }
    }
    CHECK(media_type_of_content(std::string(kSniffedBytes - 1, 'a') + "\xff") == "application/octet-stream");
    CHECK(media_type_of_content(std::string(kSniffedBytes - 2, 'a') + "\xed\xa0") == "application/octet-stream");
}

TEST_CASE("text compresses, pictures and archives do not") {
    for (const std::string_view name :
         {"a.html", "a.css", "a.js", "a.json", "a.svg", "a.xml", "a.wasm", "a.geojson", "a.ttf", "a.txt"}) {
        CAPTURE(name);
        CHECK(is_compressible(media_type_of(name)));
    }
    for (const std::string_view name : {"a.png", "a.jpg", "a.zip", "a.woff2", "a.mp4", "a.gz", "a.pdf", "a.bin"}) {
        CAPTURE(name);
        CHECK_FALSE(is_compressible(media_type_of(name)));
    }
    CHECK_FALSE(is_compressible(""));
}
