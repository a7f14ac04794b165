#include "bine/http/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include "bine/base/text.h"
#include "bine/http/listing_style.h"
#include "bine/wire/http1/target.h"

namespace bine::http {

namespace {

using Key = ListingOrder::Key;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

struct CloseFolder {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

bool look_at(int folder, const char* name, struct stat& status) noexcept {
    return ::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

// A link is shown as what it leads to.
bool follow(const FileRoot& root, std::string_view path, const char* name, struct stat& status) {
    const Result<Descriptor> opened = root.open(std::string(path) + name);
    return opened && ::fstat(opened->get(), &status) == 0;
}

ListingEntry make_entry(const char* name, const struct stat& status) {
    const bool is_folder = S_ISDIR(status.st_mode);
    const Duration since_epoch = std::chrono::seconds(status.st_mtim.tv_sec) + Duration(status.st_mtim.tv_nsec);
    return {name, is_folder ? 0 : static_cast<uint64_t>(status.st_size), WallTime(since_epoch), is_folder};
}

// The digits that `text` begins with, without zeros in front, taken off it.
std::string_view take_number(std::string_view& text) noexcept {
    std::size_t zeros = 0;
    while (zeros < text.size() && text[zeros] == '0') ++zeros;
    std::size_t end = zeros;
    while (end < text.size() && is_digit(text[end])) ++end;
    const std::string_view number = text.substr(zeros, end - zeros);
    text.remove_prefix(end);
    return number;
}

int compare_names(std::string_view a, std::string_view b) noexcept {
    std::string_view left = a;
    std::string_view right = b;
    while (!left.empty() && !right.empty()) {
        if (is_digit(left.front()) && is_digit(right.front())) {
            const std::string_view x = take_number(left);
            const std::string_view y = take_number(right);
            if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
            if (const int order = x.compare(y)) return order;
            continue;
        }
        const auto x = static_cast<unsigned char>(lower(left.front()));
        const auto y = static_cast<unsigned char>(lower(right.front()));
        if (x != y) return x < y ? -1 : 1;
        left.remove_prefix(1);
        right.remove_prefix(1);
    }
    if (left.empty() != right.empty()) return left.empty() ? -1 : 1;
    return a.compare(b);
}

int compare(const ListingEntry& a, const ListingEntry& b, Key key) noexcept {
    if (key == Key::size && a.size != b.size) return a.size < b.size ? -1 : 1;
    if (key == Key::date && a.modified != b.modified) return a.modified < b.modified ? -1 : 1;
    return compare_names(a.name, b.name);
}

void append_html(std::string& out, char c) {
    switch (c) {
        case '&': out += "&amp;"; return;
        case '<': out += "&lt;"; return;
        case '>': out += "&gt;"; return;
        case '"': out += "&quot;"; return;
        case '\'': out += "&#39;"; return;
        default: out += c;
    }
}

// Text for people: markup is taken as text, what is no UTF-8 or would turn or break the line is shown as U+FFFD.
void append_text(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, length > 1 ? length : 1);
        const char c = character.front();
        const bool is_markup = c == '"' || c == '\\';
        if (length == 0 || (!is_markup && escape(character) != character)) {
            out += "\xef\xbf\xbd";
        } else if (length == 1) {
            append_html(out, c);
        } else {
            out += character;
        }
        text.remove_prefix(character.size());
    }
}

void append_number(std::string& out, uint64_t value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
    out.append(digits.data(), end);
}

void append_padded(std::string& out, unsigned value) {
    if (value < 10) out += '0';
    append_number(out, value);
}

void append_human_size(std::string& out, uint64_t size) {
    static constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    uint64_t tenths = size;
    if (size >= 1024) {
        for (unit = 1; size >> (10 * unit) >= 1024; ++unit) {
        }
        const uint64_t whole = size >> (10 * unit);
        const uint64_t rest = (size >> (10 * (unit - 1))) & 1023;
        tenths = whole * 10 + rest * 10 / 1024;
    }
    append_number(out, unit == 0 ? size : tenths / 10);
    if (unit > 0 && tenths < 100) {
        out += '.';
        append_number(out, tenths % 10);
    }
    out += ' ';
    out += kUnits[unit];
}

void append_time(std::string& out, WallTime time) {
    const auto minute = std::chrono::floor<std::chrono::minutes>(time);
    const auto day = std::chrono::floor<std::chrono::days>(minute);
    const std::chrono::year_month_day date(day);
    const auto minutes = static_cast<unsigned>((minute - day).count());
    std::string day_text;
    append_number(day_text, static_cast<uint64_t>(std::max(0, static_cast<int>(date.year()))));
    day_text += '-';
    append_padded(day_text, static_cast<unsigned>(date.month()));
    day_text += '-';
    append_padded(day_text, static_cast<unsigned>(date.day()));
    std::string clock_text;
    append_padded(clock_text, minutes / 60);
    clock_text += ':';
    append_padded(clock_text, minutes % 60);
    out += "<time datetime=\"" + day_text + "T" + clock_text + "Z\">" + day_text + " " + clock_text + "</time>";
}

// A link to the folder that is `up` levels above the one that is shown.
void append_crumb(std::string& out, std::size_t up, std::string_view name) {
    out += "<li><a href=\"";
    if (up == 0) out += "./\" aria-current=\"page";
    for (; up > 0; --up) out += "../";
    out += "\"><bdi>";
    append_text(out, name);
    out += "</bdi></a></li>";
}

void append_breadcrumbs(std::string& out, std::string_view path) {
    auto up = static_cast<std::size_t>(std::ranges::count(path, '/'));
    out += "<nav aria-label=\"Path\"><ol>";
    append_crumb(out, up, "Home");
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        append_crumb(out, --up, path.substr(0, slash));
        path.remove_prefix(slash + 1);
    }
    out += "</ol></nav>\n";
}

void append_column(std::string& out, std::string_view label, std::string_view name, Key key, ListingOrder order) {
    const bool is_current = key == order.key;
    const bool next_descending = is_current && !order.descending;
    out += "<th scope=\"col\" class=\"";
    out += name;
    out += '"';
    if (is_current) out += order.descending ? " aria-sort=\"descending\"" : " aria-sort=\"ascending\"";
    out += "><a href=\"?sort=";
    out += name;
    out += next_descending ? "&amp;order=desc\">" : "&amp;order=asc\">";
    out += label;
    out += "</a></th>";
}

void append_entry(std::string& out, const ListingEntry& entry) {
    out += entry.is_folder ? "<tr class=\"d\"><td><a href=\"./" : "<tr><td><a href=\"./";
    out += http1::percent_encode(entry.name);
    out += entry.is_folder ? "/\"><bdi>" : "\"><bdi>";
    append_text(out, entry.name);
    out += entry.is_folder ? "/</bdi></a></td><td>" : "</bdi></a></td><td>";
    if (!entry.is_folder) append_human_size(out, entry.size);
    out += "</td><td>";
    append_time(out, entry.modified);
    out += "</td></tr>\n";
}

void append_count(std::string& out, uint64_t count, std::string_view one, std::string_view many) {
    append_number(out, count);
    out += ' ';
    out += count == 1 ? one : many;
}

void append_summary(std::string& out, const Listing& listing) {
    uint64_t folders = 0;
    uint64_t size = 0;
    for (const ListingEntry& entry : listing.entries) {
        folders += entry.is_folder;
        size += entry.size;
    }
    out += "<footer><p>";
    append_count(out, folders, "folder", "folders");
    out += ", ";
    append_count(out, listing.entries.size() - folders, "file", "files");
    out += ", ";
    append_human_size(out, size);
    if (!listing.is_complete) out += " \xe2\x80\x93 there are more, which are not shown";
    out += "</p><p>bine</p></footer>\n";
}

void append_table(std::string& out, std::string_view path, const Listing& listing, ListingOrder order) {
    out += "<table>\n<thead><tr>";
    append_column(out, "Name", "name", Key::name, order);
    append_column(out, "Size", "size", Key::size, order);
    append_column(out, "Modified <small>UTC</small>", "date", Key::date, order);
    out += "</tr></thead>\n<tbody>\n";
    if (!path.empty()) out += "<tr class=\"u\"><td><a href=\"../\">Parent folder</a></td><td></td><td></td></tr>\n";
    for (const ListingEntry& entry : listing.entries) append_entry(out, entry);
    out += "</tbody>\n</table>\n";
    if (listing.entries.empty()) out += "<p class=\"empty\">This folder is empty.</p>\n";
}

}  // namespace

const std::string_view kListingPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

Result<Listing> read_listing(const FileRoot& root, std::string_view path, Descriptor folder, bool hidden) {
    const std::unique_ptr<DIR, CloseFolder> open_folder(::fdopendir(folder.get()));
    if (!open_folder) return fail(Error::from_errno(errno, "list a folder"));
    const int number = folder.release();
    Listing listing;
    for (;;) {
        errno = 0;
        const dirent* found = ::readdir(open_folder.get());
        if (!found && errno != 0) return fail(Error::from_errno(errno, "list a folder"));
        if (!found) return listing;
        const std::string_view name = found->d_name;
        if (name == "." || name == ".." || (!hidden && name.starts_with('.'))) continue;
        struct stat status;
        if (!look_at(number, found->d_name, status)) continue;
        if (S_ISLNK(status.st_mode) && !follow(root, path, found->d_name, status)) continue;
        if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) continue;
        if (listing.entries.size() == kMostListed) {
            listing.is_complete = false;
            return listing;
        }
        listing.entries.push_back(make_entry(found->d_name, status));
    }
}

ListingOrder listing_order_of(std::string_view query) noexcept {
    ListingOrder order;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view part = query.substr(0, end);
        if (part == "sort=size") order.key = Key::size;
        if (part == "sort=date") order.key = Key::date;
        if (part == "order=desc") order.descending = true;
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return order;
}

void sort_listing(std::vector<ListingEntry>& entries, ListingOrder order) {
    std::ranges::sort(entries, [order](const ListingEntry& a, const ListingEntry& b) {
        if (a.is_folder != b.is_folder) return a.is_folder;
        const int result = compare(a, b, order.key);
        return order.descending ? result > 0 : result < 0;
    });
}

std::string listing_page(std::string_view path, const Listing& listing, ListingOrder order) {
    std::string out;
    out.reserve(8192 + listing.entries.size() * 240);
    out +=
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>/";
    append_text(out, path);
    out += "</title>\n<style>\n";
    out += kListingStyle;
    out += "</style>\n</head>\n<body>\n<header>\n";
    append_breadcrumbs(out, path);
    out += "</header>\n<main>\n";
    append_table(out, path, listing, order);
    out += "</main>\n";
    append_summary(out, listing);
    out += "</body>\n</html>\n";
    return out;
}

}  // namespace bine::http
