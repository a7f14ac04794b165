// A handler that serves the files in a folder.
//
//     router.mount("/assets", http::static_files("public", {.cache_control = "max-age=3600"}));
//     http::Server server(http::static_files("site", {.listing = true}));
//
// GET and HEAD; ETag and Last-Modified with all conditions on them; single ranges; "a.css.br" or "a.css.gz" in place of a.css
// for clients that take them; "/a" leads to "/a/" when that is a folder. Nothing outside of the folder is ever opened,
// however the path is spelled and whatever links lie in it (file_root.h); links that stay inside work. FIFOs, sockets and
// devices are not there. All that touches the disk runs in the reactor's threads; small files are then remembered.
//
// A file that becomes shorter while it is sent ends the connection: its length was promised. Replace files by renaming.
#pragma once

#include <cstddef>
#include <string_view>

#include "bine/base/time.h"
#include "bine/http/handler.h"

namespace bine::http {

// The texts are copied by static_files.
struct StaticFilesOptions {
    std::string_view index = "index.html";  // the file that stands for its folder; empty: none
    bool listing = false;                   // a page of links for a folder without one
    bool hidden = false;                    // also names that begin with '.'; "/.well-known/" is always served
    bool precompressed = true;
    std::string_view cache_control = {};                    // the Cache-Control of files; empty: none
    std::size_t cache_bytes = 8 * 1024 * 1024;              // for small files, 0: none
    Duration cache_trust = std::chrono::milliseconds(100);  // how long one is sent before it is looked at again
};

// Errors: throws Error (of the system) when `folder` cannot be opened.
Handler static_files(std::string_view folder, StaticFilesOptions options = StaticFilesOptions());

}  // namespace bine::http
