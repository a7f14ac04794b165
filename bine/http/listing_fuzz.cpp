// Whatever files are called, a listing has the same markup: names are text and segments of links, nothing else.
#include "bine/http/listing.h"

#include <algorithm>
#include <cstdlib>

using namespace bine;
using namespace bine::http;

namespace {

std::size_t count(std::string_view text, char c) { return static_cast<std::size_t>(std::ranges::count(text, c)); }

// As many entries and path segments, with names that nobody could misread.
std::string harmless_page(std::string_view path, const Listing& listing, ListingOrder order) {
    std::string plain_path;
    for (std::size_t i = count(path, '/'); i > 0; --i) plain_path += "a/";
    Listing plain{listing.entries, listing.is_complete};
    for (ListingEntry& entry : plain.entries) entry.name = "a";
    return listing_page(plain_path, plain, order);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    std::string path;
    Listing listing;
    while (!input.empty()) {
        const std::size_t end = std::min(input.find('\0'), input.size());
        const std::string_view name = input.substr(0, end);
        const bool is_folder = name.ends_with('/');
        if (listing.entries.empty() && name.starts_with("..")) {
            path = std::string(name) + "/";
        } else {
            listing.entries.push_back({std::string(name), name.size() << (name.size() % 60), {}, is_folder});
        }
        input.remove_prefix(std::min(end + 1, input.size()));
    }
    const ListingOrder order = listing_order_of(path);
    sort_listing(listing.entries, order);
    const std::string page = listing_page(path, listing, order);
    const std::string harmless = harmless_page(path, listing, order);
    for (const char c : {'<', '>', '"', '\'', '\n'}) {
        if (count(page, c) != count(harmless, c)) std::abort();
    }
    if (page.find('\0') != std::string::npos || page.find('\r') != std::string::npos) std::abort();
    return 0;
}
