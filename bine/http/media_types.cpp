#include "bine/http/media_types.h"

#include <algorithm>
#include <array>

#include "bine/base/text.h"

namespace bine::http {

namespace {

struct Known {
    std::string_view extension;
    std::string_view type;
};

constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kScript = "text/javascript; charset=utf-8";
constexpr std::string_view kMarkdown = "text/markdown; charset=utf-8";

// Sorted by extension. Source code is plain text: a browser then shows it.
constexpr auto kTypes = std::to_array<Known>({
    {"3gp", "video/3gpp"},
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"ai", "application/postscript"},
    {"apk", "application/vnd.android.package-archive"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bin", kBytes},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"c", kPlain},
    {"cc", kPlain},
    {"cfg", kPlain},
    {"cjs", kScript},
    {"conf", kPlain},
    {"cpp", kPlain},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"cxx", kPlain},
    {"deb", "application/vnd.debian.binary-package"},
    {"diff", kPlain},
    {"dmg", "application/x-apple-diskimage"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"},
    {"eps", "application/postscript"},
    {"epub", "application/epub+zip"},
    {"exe", kBytes},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"glb", "model/gltf-binary"},
    {"gltf", "model/gltf+json"},
    {"go", kPlain},
    {"gz", "application/gzip"},
    {"h", kPlain},
    {"heic", "image/heic"},
    {"heif", "image/heif"},
    {"hpp", kPlain},
    {"htm", kHtml},
    {"html", kHtml},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"img", kBytes},
    {"ini", kPlain},
    {"iso", "application/vnd.efi.iso"},
    {"jar", "application/java-archive"},
    {"java", kPlain},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", kScript},
    {"json", "application/json"},
    {"jsonl", "application/jsonl"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"log", kPlain},
    {"lua", kPlain},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"markdown", kMarkdown},
    {"md", kMarkdown},
    {"mid", "audio/midi"},
    {"midi", "audio/midi"},
    {"mjs", kScript},
    {"mkv", "video/matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"patch", kPlain},
    {"pdf", "application/pdf"},
    {"php", kPlain},
    {"pl", kPlain},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"py", kPlain},
    {"rar", "application/vnd.rar"},
    {"rb", kPlain},
    {"rpm", "application/x-rpm"},
    {"rs", kPlain},
    {"rss", "application/rss+xml"},
    {"rst", kPlain},
    {"rtf", "application/rtf"},
    {"sh", kPlain},
    {"sql", "application/sql"},
    {"srt", kPlain},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"ts", "video/mp2t"},
    {"tsv", "text/tab-separated-values; charset=utf-8"},
    {"ttc", "font/collection"},
    {"ttf", "font/ttf"},
    {"txt", kPlain},
    {"vcf", "text/vcard; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xsl", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
});
static_assert(std::ranges::is_sorted(kTypes, {}, &Known::extension));

constexpr std::size_t longest_extension() {
    std::size_t longest = 0;
    for (const Known& known : kTypes) longest = std::max(longest, known.extension.size());
    return longest;
}

bool is_control(char c) noexcept {
    const auto code = static_cast<unsigned char>(c);
    return code < 0x20 ? c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\x1b' : code == 0x7f;
}

// Bytes that could be the front of a character whose rest lies behind the bytes that were read.
bool is_cut_character(std::string_view tail) noexcept {
    if (tail.size() > 3) return false;
    std::string whole(tail);
    for (const char second : {'\x80', '\x90', '\xa0'}) {
        whole.assign(tail);
        if (whole.size() == 1) whole += second;
        whole.append(3, '\x80');
        if (const std::size_t length = utf8_length(whole); length > tail.size()) return true;
    }
    return false;
}

}  // namespace

std::string_view media_type_of(std::string_view file_name) noexcept {
    const std::size_t dot = file_name.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || file_name[dot - 1] == '/') return {};
    const std::string_view extension = file_name.substr(dot + 1);
    char lowered[longest_extension()];
    if (extension.empty() || extension.size() > sizeof lowered) return {};
    std::ranges::transform(extension, lowered,
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const std::string_view key(lowered, extension.size());
    const auto found = std::ranges::lower_bound(kTypes, key, {}, &Known::extension);
    return found != kTypes.end() && found->extension == key ? found->type : std::string_view();
}

std::string_view media_type_of_content(std::string_view beginning) noexcept {
    beginning = beginning.substr(0, kSniffedBytes);
    while (!beginning.empty()) {
        const std::size_t length = utf8_length(beginning);
        if (length == 0) return is_cut_character(beginning) ? kPlain : kBytes;
        if (length == 1 && is_control(beginning[0])) return kBytes;
        beginning.remove_prefix(length);
    }
    return kPlain;
}

bool is_compressible(std::string_view media_type) noexcept {
    const std::string_view type = media_type.substr(0, media_type.find(';'));
    if (type.starts_with("text/") || type.ends_with("+xml") || type.ends_with("+json")) return true;
    static constexpr std::string_view kOthers[] = {
        "application/json", "application/xml",          "application/wasm", "application/toml",
        "application/yaml", "application/sql",          "font/ttf",         "font/otf",
        "image/bmp",        "image/vnd.microsoft.icon", "application/rtf",  "application/jsonl"};
    return std::ranges::find(kOthers, type) != std::end(kOthers);
}

}  // namespace bine::http
