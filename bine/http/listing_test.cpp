#include "bine/http/listing.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "bine/testing/temp_folder.h"

using namespace bine;
using namespace bine::http;
using namespace std::literals;
using bine::testing::TempFolder;
using Key = ListingOrder::Key;

namespace {

ListingEntry file(std::string name, uint64_t size = 0, long seconds = 0) {
    return {std::move(name), size, WallTime(std::chrono::seconds(seconds)), false};
}

ListingEntry folder(std::string name) { return {std::move(name), 0, {}, true}; }

std::string names_of(std::vector<ListingEntry> entries, ListingOrder order) {
    sort_listing(entries, order);
    std::string names;
    for (const ListingEntry& entry : entries) names += entry.name + " ";
    return names;
}

std::string page_of(std::vector<ListingEntry> entries, std::string_view path = "") {
    return listing_page(path, {std::move(entries), true}, {});
}

bool has(std::string_view page, std::string_view part) { return page.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("folders come first, and names as people count") {
    const std::vector<ListingEntry> entries = {file("b10", 1, 30), file("B9", 3, 10), folder("z"),
                                               file("b2", 2, 20),  folder("Y"),       file("a", 9, 5)};
    CHECK(names_of(entries, {}) == "Y z a b2 B9 b10 ");
    CHECK(names_of(entries, {Key::name, true}) == "z Y b10 B9 b2 a ");
    CHECK(names_of(entries, {Key::size, false}) == "Y z b10 b2 B9 a ");
    CHECK(names_of(entries, {Key::size, true}) == "z Y a B9 b2 b10 ");
    CHECK(names_of(entries, {Key::date, false}) == "Y z a B9 b2 b10 ");
    CHECK(names_of({file("1"), file("01"), file("001"), file("10"), file("2")}, {}) == "001 01 1 2 10 ");
    CHECK(names_of({file("x1y"), file("x"), file("x1"), file("x-")}, {}) == "x x- x1 x1y ");
    CHECK(names_of({file("99999999999999999999999999"), file("9"), file("100000000000000000000000000")}, {}) ==
          "9 99999999999999999999999999 100000000000000000000000000 ");
}

TEST_CASE("the order is read from the query, and nonsense is ignored") {
    const auto is = [](std::string_view query, Key key, bool descending) {
        const ListingOrder order = listing_order_of(query);
        return order.key == key && order.descending == descending;
    };
    CHECK(is("", Key::name, false));
    CHECK(is("sort=size&order=desc", Key::size, true));
    CHECK(is("order=desc&sort=date", Key::date, true));
    CHECK(is("sort=date&order=asc", Key::date, false));
    CHECK(is("&&&sort=size&", Key::size, false));
    CHECK(is("sort=weight&order=up&x=<script>", Key::name, false));
}

TEST_CASE("a name is text and one segment of a path, whatever is in it") {
    struct Row {
        std::string_view name;
        std::string_view link;
        std::string_view text;
    };
    static constexpr std::array kRows = {
        Row{"a b.txt", "./a%20b.txt", "a b.txt"},
        Row{"<script>alert(1)</script>", "./%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
            "&lt;script&gt;alert(1)&lt;/script&gt;"},
        Row{"\"onmouseover=\"alert(1)", "./%22onmouseover%3D%22alert%281%29", "&quot;onmouseover=&quot;alert(1)"},
        Row{"'><img src=x>", "./%27%3E%3Cimg%20src%3Dx%3E", "&#39;&gt;&lt;img src=x&gt;"},
        Row{"javascript:alert(1)", "./javascript%3Aalert%281%29", "javascript:alert(1)"},
        Row{"&amp;", "./%26amp%3B", "&amp;amp;"},
        Row{"</bdi></table>", "./%3C%2Fbdi%3E%3C%2Ftable%3E", "&lt;/bdi&gt;&lt;/table&gt;"},
        Row{"?a#b%20", "./%3Fa%23b%2520", "?a#b%20"},
        Row{"back\\slash", "./back%5Cslash", "back\\slash"},
        Row{"new\nline\r\t", "./new%0Aline%0D%09", "new\xef\xbf\xbdline\xef\xbf\xbd\xef\xbf\xbd"},
        Row{"gr\xc3\xbc\xc3\x9f", "./gr%C3%BC%C3%9F", "gr\xc3\xbc\xc3\x9f"},
        Row{"\xe2\x80\xaegpj.exe", "./%E2%80%AEgpj.exe", "\xef\xbf\xbdgpj.exe"},
        Row{"latin\xe9", "./latin%E9", "latin\xef\xbf\xbd"},
        Row{"\x1b[31m", "./%1B%5B31m", "\xef\xbf\xbd[31m"},
        Row{"...", "./...", "..."},
        Row{"-rf", "./-rf", "-rf"},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.name);
        const std::string page = page_of({file(std::string(row.name))});
        const std::string link =
            "<a href=\"" + std::string(row.link) + "\"><bdi>" + std::string(row.text) + "</bdi></a>";
        CHECK(has(page, link));
        const std::string as_folder = page_of({folder(std::string(row.name))}, std::string(row.name) + "/");
        CHECK(
            has(as_folder, "<a href=\"" + std::string(row.link) + "/\"><bdi>" + std::string(row.text) + "/</bdi></a>"));
        CHECK_FALSE(has(as_folder, "<script"));
        CHECK_FALSE(has(as_folder, "<img"));
    }
}

TEST_CASE("the page shows sizes and dates for people, and exact dates for programs") {
    const std::string page =
        page_of({file("a", 0, 0), file("b", 1023), file("c", 1024), file("d", 1536), file("e", 10 * 1024),
                 file("f", 1024 * 1024 - 1), file("g", 5'000'000'000), file("h", UINT64_MAX, 1'795'460'700)});
    for (const std::string_view size :
         {">0 B<", ">1023 B<", ">1.0 KiB<", ">1.5 KiB<", ">10 KiB<", ">1023 KiB<", ">4.6 GiB<", ">15 EiB<"}) {
        CAPTURE(size);
        CHECK(has(page, size));
    }
    CHECK(has(page, "<time datetime=\"1970-01-01T00:00Z\">1970-01-01 00:00</time>"));
    CHECK(has(page, "<time datetime=\"2026-11-23T19:05Z\">2026-11-23 19:05</time>"));
    CHECK(has(page_of({file("before 1970", 0, -60)}), "1969-12-31 23:59"));
}

TEST_CASE("each part of the path is a link, and the way up is relative") {
    const std::string top = page_of({});
    CHECK(has(top, "<a href=\"./\" aria-current=\"page\"><bdi>Home</bdi></a>"));
    CHECK_FALSE(has(top, "Parent folder"));
    CHECK(has(top, "This folder is empty."));
    const std::string deep = page_of({}, "a/b<c/");
    CHECK(has(deep,
              "<a href=\"../../\"><bdi>Home</bdi></a></li><li><a href=\"../\"><bdi>a</bdi></a></li>"
              "<li><a href=\"./\" aria-current=\"page\"><bdi>b&lt;c</bdi></a></li>"));
    CHECK(has(deep, "<a href=\"../\">Parent folder</a>"));
    CHECK(has(deep, "<title>/a/b&lt;c/</title>"));
}

TEST_CASE("the columns say how the page is sorted, and a second click turns it round") {
    const std::string by_name = listing_page("", {}, {});
    CHECK(has(by_name, "aria-sort=\"ascending\"><a href=\"?sort=name&amp;order=desc\">"));
    CHECK(has(by_name, "<th scope=\"col\" class=\"size\"><a href=\"?sort=size&amp;order=asc\">"));
    const std::string by_size = listing_page("", {}, {Key::size, true});
    CHECK(has(by_size, "aria-sort=\"descending\"><a href=\"?sort=size&amp;order=asc\">"));
    CHECK(has(by_size, "<a href=\"?sort=name&amp;order=asc\">"));
}

TEST_CASE("ten thousand entries make one page of reasonable size, and more are said to be missing") {
    std::vector<ListingEntry> entries;
    for (int i = 0; i < 10'000; ++i) entries.push_back(file("file" + std::to_string(i) + ".txt", 1234, i));
    const std::string page = page_of(std::move(entries));
    CHECK(page.size() < 2'500'000);
    CHECK(has(page, "0 folders, 10000 files, 11 MiB"));
    CHECK_FALSE(has(page, "there are more"));
    CHECK(has(listing_page("", {{file("a")}, false}, {}), "0 folders, 1 file, 0 B \xe2\x80\x93 there are more"));
}

TEST_CASE("a folder's files and folders are read; hidden, special and escaping names are not") {
    const TempFolder temp;
    temp.write("root/a.txt", "four");
    temp.write("root/sub/b.txt", "b");
    temp.write("root/.hidden", "h");
    temp.write("secret", "SECRET");
    temp.link("root/to_file", "a.txt");
    temp.link("root/to_folder", "sub");
    temp.link("root/sub/up", "../a.txt");
    temp.link("root/out", "../secret");
    temp.link("root/absolute", "/etc/passwd");
    temp.link("root/dangling", "nothing");
    temp.set_modified("root/a.txt", 1'000'000'000, 5);
    REQUIRE(::mkfifo(temp.path("root/fifo").c_str(), 0600) == 0);
    const FileRoot root(temp.path("root"));

    const auto list = [&](const std::string& path, bool hidden) {
        Result<Descriptor> opened = root.open(path);
        REQUIRE(opened);
        Result<Listing> listing = read_listing(root, path, std::move(*opened), hidden);
        REQUIRE(listing);
        CHECK(listing->is_complete);
        sort_listing(listing->entries, {});
        return std::move(listing->entries);
    };
    const std::vector<ListingEntry> entries = list("", false);
    CHECK(names_of(entries, {}) == "sub to_folder a.txt to_file ");
    CHECK(entries[2].size == 4);
    CHECK(entries[2].modified == WallTime(1'000'000'000s + 5ns));
    CHECK(entries[3].size == 4);
    CHECK(entries[1].is_folder);
    CHECK(names_of(list("", true), {}) == "sub to_folder .hidden a.txt to_file ");
    CHECK(names_of(list("sub/", false), {}) == "b.txt up ");

    Result<Descriptor> no_folder = root.open("a.txt");
    CHECK_FALSE(read_listing(root, "", std::move(*no_folder), false).has_value());
}
