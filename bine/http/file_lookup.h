// What stands at a path beneath a folder, made ready to be sent: the blocking half of static files, for pool threads.
#pragma once

#include <cstdint>
#include <string>

#include "bine/http/file_cache.h"
#include "bine/http/file_root.h"
#include "bine/http/listing.h"

namespace bine::http {

// Files up to this size are read into memory, larger ones are sent from where they lie.
inline constexpr uint64_t kReadWhole = 32 * 1024;

// Encodings that a client takes besides the plain file, as bits.
inline constexpr uint8_t kTakesGzip = 1;
inline constexpr uint8_t kTakesBrotli = 2;
// From an Accept-Encoding field (RFC 9110 section 12.5.3).
uint8_t encodings_of(std::string_view accept_encoding) noexcept;

// A served folder and how it is served. Immutable, so threads may share it.
struct FileTree final : Counted {
    explicit FileTree(const std::string& folder) : root(folder) {}

    FileRoot root;
    std::string index;           // the file that stands for its folder; empty: none
    bool listing = false;        // a page for folders without one
    bool hidden = false;         // also what begins with '.'
    bool precompressed = false;  // "a.css.br" or "a.css.gz" in place of a.css, when it is not older
};

// Whether `path` ("a/b.txt", "a/b/", "") may be looked for at all: no empty name, no "." or "..", no zero byte, and nothing
// hidden (but ".well-known", which is meant for strangers) unless `hidden`.
bool is_servable_path(std::string_view path, bool hidden) noexcept;

struct FileQuestion {
    std::string path;  // servable; a folder is asked for with '/' at the end
    uint8_t encodings = 0;
    ListingOrder order;
    WallTime now{};
    Ref<const ServedFile> known;  // the latest that was seen, perhaps null: comes back when it is the latest still
};

struct FileAnswer {
    enum class Kind : uint8_t {
        file,
        listing,    // `page`
        folder,     // there is a folder, and the path lacks its '/'
        absent,     // also what leads out of the tree, and what is neither file nor folder
        forbidden,  // this process may not read it
        failed,     // `error`: out of descriptors or memory, or the disk fails
    };
    Kind kind = Kind::absent;
    int error = 0;
    Ref<const ServedFile> file;
    std::string page;
};

FileAnswer look_up(const FileTree& tree, const FileQuestion& question);

}  // namespace bine::http
