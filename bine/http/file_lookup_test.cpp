#include "bine/http/file_lookup.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "bine/testing/temp_folder.h"

using namespace bine;
using namespace bine::http;
using namespace std::literals;
using bine::testing::TempFolder;
using Kind = FileAnswer::Kind;

namespace {

constexpr long kYear2000 = 946'684'800;
const WallTime kNow{std::chrono::seconds(2'000'000'000)};

struct Scene {
    TempFolder temp;
    Ref<FileTree> tree;

    Scene() {
        temp.write("root/a.txt", "hello");
        temp.write("root/sub/index.html", "<p>index</p>");
        temp.write("root/plain/b.txt", "b");
        temp.write("secret", "SECRET");
        temp.link("root/out", "../secret");
        for (const char* name : {"root/a.txt", "root/sub/index.html", "root/plain/b.txt"})
            temp.set_modified(name, kYear2000);
        tree = Ref<FileTree>(new FileTree(temp.path("root")));
        tree->index = "index.html";
        tree->listing = true;
        tree->precompressed = true;
    }
    FileAnswer ask(std::string path, uint8_t encodings = 0, Ref<const ServedFile> known = {}) const {
        return look_up(*tree, {std::move(path), encodings, {}, kNow, std::move(known)});
    }
    FileAnswer ask_at(WallTime now, std::string path) const {
        return look_up(*tree, {std::move(path), 0, {}, now, {}});
    }
};

}  // namespace

TEST_CASE("a path answers with a file, a folder's index, a listing, or the folder's right name") {
    Scene scene;
    const FileAnswer file = scene.ask("a.txt");
    REQUIRE(file.kind == Kind::file);
    CHECK(file.file->content.view() == "hello");
    CHECK(file.file->type == "text/plain; charset=utf-8");
    CHECK(file.file->size == 5);
    CHECK(file.file->modified == WallTime(std::chrono::seconds(kYear2000)));
    CHECK(file.file->is_settled);
    CHECK(file.file->etag.starts_with("\""));

    const FileAnswer index = scene.ask("sub/");
    REQUIRE(index.kind == Kind::file);
    CHECK(index.file->type == "text/html; charset=utf-8");
    CHECK(index.file->content.view() == "<p>index</p>");

    CHECK(scene.ask("sub").kind == Kind::folder);
    CHECK(scene.ask("plain").kind == Kind::folder);
    const FileAnswer listing = scene.ask("plain/");
    REQUIRE(listing.kind == Kind::listing);
    CHECK(listing.page.find("b.txt") != std::string::npos);
    CHECK(scene.ask("").kind == Kind::listing);

    scene.tree->listing = false;
    CHECK(scene.ask("plain/").kind == Kind::absent);
    CHECK(scene.ask("sub/").kind == Kind::file);
    scene.tree->index.clear();
    CHECK(scene.ask("sub/").kind == Kind::absent);
}

TEST_CASE("what is not there, leads out, is special or may not be read is not answered with") {
    Scene scene;
    REQUIRE(::mkfifo(scene.temp.path("root/fifo").c_str(), 0600) == 0);
    scene.temp.make_folder("root/odd/index.html");
    for (const char* path : {"nothing", "nothing/", "a.txt/", "a.txt/b", "out", "fifo", "fifo/"}) {
        CAPTURE(path);
        CHECK(scene.ask(path).kind == Kind::absent);
    }
    CHECK(scene.ask("odd/").kind == Kind::listing);
    if (::geteuid() == 0) return;  // who may read everything
    REQUIRE(::chmod(scene.temp.path("root/a.txt").c_str(), 0) == 0);
    CHECK(scene.ask("a.txt").kind == Kind::forbidden);
}

TEST_CASE("the ETag changes with content, time and file, and is strong only when it can be") {
    Scene scene;
    const std::string first = scene.ask("a.txt").file->etag;
    CHECK(scene.ask("a.txt").file->etag == first);
    scene.temp.set_modified("root/a.txt", kYear2000, 1);
    const std::string later = scene.ask("a.txt").file->etag;
    CHECK(later != first);
    scene.temp.write("root/a.txt", "hello, longer");
    scene.temp.set_modified("root/a.txt", kYear2000, 1);
    CHECK(scene.ask("a.txt").file->etag != later);
    scene.temp.write("root/new", "hello");
    scene.temp.set_modified("root/new", kYear2000);
    CHECK(scene.ask("new").file->etag != first);

    const auto is_strong_when_modified = [&](Duration before_now) {
        const auto nanoseconds = (kNow - before_now).time_since_epoch().count();
        scene.temp.set_modified("root/a.txt", nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000);
        const FileAnswer answer = scene.ask("a.txt");
        CHECK(answer.file->is_settled == !answer.file->etag.starts_with("W/\""));
        return answer.file->is_settled;
    };
    CHECK(is_strong_when_modified(50ms));
    CHECK_FALSE(is_strong_when_modified(49ms));
    CHECK_FALSE(is_strong_when_modified(0ms));
    CHECK_FALSE(is_strong_when_modified(-10min));
    CHECK(is_strong_when_modified(-2h));
}

TEST_CASE("what may still change unnoticed is never taken for what it becomes") {
    Scene scene;
    const WallTime modified{std::chrono::seconds(kYear2000)};
    const std::string young = scene.ask_at(modified + 10ms, "a.txt").file->etag;
    const std::string a_bit_older = scene.ask_at(modified + 20ms, "a.txt").file->etag;
    const std::string settled = scene.ask_at(modified + 1s, "a.txt").file->etag;
    CHECK(young != a_bit_older);
    CHECK(young != "W/" + settled);
    CHECK(scene.ask_at(modified + 2s, "a.txt").file->etag == settled);
}

TEST_CASE("a time of change that is still to come is told as now") {
    Scene scene;
    const WallTime modified{std::chrono::seconds(kYear2000)};
    CHECK(scene.ask_at(modified - 24h, "a.txt").file->modified == modified - 24h);
    CHECK(scene.ask_at(modified + 24h, "a.txt").file->modified == modified);
}

TEST_CASE("a version that is known already comes back without being read again") {
    Scene scene;
    const Ref<const ServedFile> first = scene.ask("a.txt").file;
    CHECK(scene.ask("a.txt", 0, first).file.get() == first.get());
    scene.temp.write("root/a.txt", "HELLO");
    scene.temp.set_modified("root/a.txt", kYear2000);  // the same name, size and time: the system still knows better
    const Ref<const ServedFile> second = scene.ask("a.txt", 0, first).file;
    CHECK(second.get() != first.get());
    CHECK(second->content.view() == "HELLO");
    CHECK(scene.ask("plain/b.txt", 0, first).file->content.view() == "b");
}

TEST_CASE("large files are sent from where they lie, small ones from memory") {
    Scene scene;
    scene.temp.write("root/small", std::string(kReadWhole, 'x'));
    scene.temp.write("root/large", std::string(kReadWhole + 1, 'x'));
    scene.temp.write("root/binary", std::string(kReadWhole + 1, '\0'));
    scene.temp.write("root/empty.html", "");
    const Ref<const ServedFile> small = scene.ask("small").file;
    CHECK_FALSE(small->file);
    CHECK(small->content.view().size() == kReadWhole);
    const Ref<const ServedFile> large = scene.ask("large").file;
    REQUIRE(large->file);
    CHECK(large->size == kReadWhole + 1);
    CHECK(large->type == "text/plain; charset=utf-8");
    CHECK(scene.ask("binary").file->type == "application/octet-stream");
    CHECK(scene.ask("empty.html").file->size == 0);
}

TEST_CASE("a compressed sibling takes the place of a file for whom it suits") {
    Scene scene;
    scene.temp.write("root/style.css", "body { color: black }");
    scene.temp.write("root/style.css.gz", "GZIP");
    scene.temp.write("root/style.css.br", "BROTLI");
    for (const char* name : {"root/style.css", "root/style.css.gz", "root/style.css.br"})
        scene.temp.set_modified(name, kYear2000);
    const auto content = [&](uint8_t encodings) {
        const FileAnswer answer = scene.ask("style.css", encodings);
        CHECK(answer.file->type == "text/css; charset=utf-8");
        CHECK(answer.file->varies);
        return std::string(answer.file->content.view()) + ":" + std::string(answer.file->encoding);
    };
    CHECK(content(0) == "body { color: black }:");
    CHECK(content(kTakesGzip) == "GZIP:gzip");
    CHECK(content(kTakesBrotli) == "BROTLI:br");
    CHECK(content(kTakesGzip | kTakesBrotli) == "BROTLI:br");
    CHECK(scene.ask("style.css").file->etag != scene.ask("style.css", kTakesGzip).file->etag);

    scene.temp.set_modified("root/style.css", kYear2000 + 1);  // now they were made from an older one
    CHECK(content(kTakesGzip | kTakesBrotli) == "body { color: black }:");

    scene.temp.write("root/picture.png", "PNG");
    scene.temp.write("root/picture.png.gz", "GZIP");
    CHECK(scene.ask("picture.png", kTakesGzip).file->content.view() == "PNG");
    CHECK_FALSE(scene.ask("picture.png", kTakesGzip).file->varies);
    scene.tree->precompressed = false;
    CHECK_FALSE(scene.ask("style.css", kTakesGzip).file->varies);
}

TEST_CASE("a compressed sibling that leads out of the root is not taken") {
    Scene scene;
    scene.temp.write("root/a.css", "plain");
    scene.temp.set_modified("root/a.css", 0);
    scene.temp.link("root/a.css.gz", "../secret");
    CHECK(scene.ask("a.css", kTakesGzip).file->content.view() == "plain");
}

TEST_CASE("Accept-Encoding is read with its weights") {
    struct Row {
        std::string_view field;
        uint8_t taken;
    };
    static constexpr uint8_t kBoth = kTakesGzip | kTakesBrotli;
    static constexpr std::array kRows = {
        Row{"", 0},
        Row{"gzip", kTakesGzip},
        Row{"GZip", kTakesGzip},
        Row{"x-gzip", kTakesGzip},
        Row{"gzip, deflate, br, zstd", kBoth},
        Row{"gzip;q=1.0, br;q=0.001", kBoth},
        Row{"gzip;q=0, br", kTakesBrotli},
        Row{"gzip ; q=0.000 , br ; Q=0.5", kTakesBrotli},
        Row{"*", kBoth},
        Row{"*;q=0", 0},
        Row{"br;q=0, *", kTakesGzip},
        Row{"identity", 0},
        Row{"gzipped, bro", 0},
        Row{",,gzip,,", kTakesGzip},
        Row{"\"gzip\"", 0},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.field);
        CHECK(encodings_of(row.field) == row.taken);
    }
}

TEST_CASE("only plain names may be looked for") {
    for (const std::string_view path : {""sv, "a"sv, "a/"sv, "a/b.txt"sv, "..."sv, "a/..b"sv,
                                        ".well-known/acme-challenge/x"sv, "%2e%2e"sv, "a\\..\\b"sv}) {
        CAPTURE(path);
        const bool begins_with_dot = path.starts_with("..") || path.find("/..") != std::string_view::npos;
        CHECK(is_servable_path(path, begins_with_dot));
    }
    for (const std::string_view path : {"/"sv, "/a"sv, "a//b"sv, "a//"sv, ".."sv, "../a"sv, "a/../b"sv, "a/.."sv, "."sv,
                                        "./a"sv, "a/."sv, "a\0b"sv, "\0"sv}) {
        CAPTURE(path);
        CHECK_FALSE(is_servable_path(path, true));
    }
    for (const std::string_view path :
         {".git/config"sv, "a/.env"sv, ".htaccess"sv, "a/.well-known/x"sv, ".well-known/.x"sv, ".well-knownx"sv}) {
        CAPTURE(path);
        CHECK_FALSE(is_servable_path(path, false));
        CHECK(is_servable_path(path, true));
    }
}
