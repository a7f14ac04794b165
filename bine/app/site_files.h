// The files of bine/app/site/ as they were when this was built. Static data.
#pragma once

#include <span>
#include <string_view>

namespace bine::app {

struct SiteFile {
    std::string_view name;  // "index.html"
    std::string_view content;
};

std::span<const SiteFile> site_files() noexcept;

}  // namespace bine::app
