// The page that shows what is in a folder: one self-contained document without scripts, for light and dark, for screens,
// keyboards and readers. Names come from a file system that strangers may write to, so nothing in them is markup or leads
// elsewhere. Reading a folder blocks: for pool threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/time.h"
#include "bine/http/file_root.h"

namespace bine::http {

struct ListingEntry {
    std::string name;
    uint64_t size = 0;  // of a file
    WallTime modified{};
    bool is_folder = false;
};

struct Listing {
    std::vector<ListingEntry> entries;
    bool is_complete = true;
};

// At most this many entries are read and shown.
inline constexpr std::size_t kMostListed = 20'000;

// Files and folders in `folder`, which is `path` ("a/b/", "" for the top) beneath `root`, in no order. What is neither, what
// links to nowhere or out of the root, and (unless `hidden`) names that begin with '.' are left out.
Result<Listing> read_listing(const FileRoot& root, std::string_view path, Descriptor folder, bool hidden);

struct ListingOrder {
    enum class Key : uint8_t { name, size, date };
    Key key = Key::name;
    bool descending = false;
};

// From a query like "sort=size&order=desc"; what it does not understand it ignores.
ListingOrder listing_order_of(std::string_view query) noexcept;

// Folders first. Names as people count, 2 before 10, and without regard to case.
void sort_listing(std::vector<ListingEntry>& entries, ListingOrder order);

// The document. All links are relative, so that it works below any prefix.
std::string listing_page(std::string_view path, const Listing& listing, ListingOrder order);
// The policy that the page keeps: it runs nothing, loads nothing, sends nothing.
extern const std::string_view kListingPolicy;

}  // namespace bine::http
