#include "bine/http/file_cache.h"

#include <doctest/doctest.h>

using namespace bine;
using namespace std::literals;
using http::FileCache;
using http::ServedFile;

namespace {

Ref<const ServedFile> file_of(std::string content) {
    auto* file = new ServedFile;
    const Ref<const ServedFile> result(file);
    file->is_settled = true;
    file->size = content.size();
    file->content = SharedBytes::take(std::move(content));
    return result;
}

constexpr TimePoint at(Duration time) { return TimePoint(time); }

}  // namespace

TEST_CASE("what is kept is trusted for a while, then still known") {
    FileCache cache(10'000, 100ms);
    CHECK_FALSE(cache.find("a", 0, at(0ms)).file);
    const auto file = file_of("text");
    cache.put("a", 0, file, at(0ms));
    CHECK(cache.find("a", 0, at(99ms)).file.get() == file.get());
    CHECK(cache.find("a", 0, at(99ms)).is_fresh);
    CHECK(cache.find("a", 0, at(100ms)).file.get() == file.get());
    CHECK_FALSE(cache.find("a", 0, at(100ms)).is_fresh);
    cache.put("a", 0, file, at(100ms));
    CHECK(cache.find("a", 0, at(150ms)).is_fresh);
    CHECK(cache.files() == 1);
}

TEST_CASE("while somebody looks, what is kept is trusted") {
    FileCache cache(10'000, 100ms);
    cache.trust_again("a", 0, at(0ms));
    CHECK_FALSE(cache.find("a", 0, at(0ms)).file);
    cache.put("a", 0, file_of("text"), at(0ms));
    CHECK_FALSE(cache.find("a", 0, at(100ms)).is_fresh);
    cache.trust_again("a", 0, at(100ms));
    CHECK(cache.find("a", 0, at(199ms)).is_fresh);
    CHECK_FALSE(cache.find("a", 0, at(200ms)).is_fresh);
}

TEST_CASE("a path is kept once for each set of encodings") {
    FileCache cache(10'000, 100ms);
    const auto plain = file_of("plain");
    const auto packed = file_of("packed");
    cache.put("a", 0, plain, at(0ms));
    cache.put("a", 1, packed, at(0ms));
    CHECK(cache.find("a", 0, at(0ms)).file.get() == plain.get());
    CHECK(cache.find("a", 1, at(0ms)).file.get() == packed.get());
    CHECK_FALSE(cache.find("a", 2, at(0ms)).file);
    cache.forget("a", 0);
    cache.forget("nobody", 0);
    CHECK_FALSE(cache.find("a", 0, at(0ms)).file);
    CHECK(cache.find("a", 1, at(0ms)).file);
}

TEST_CASE("the cache stays within its bytes, and what was used last stays longest") {
    FileCache cache(10'000, 1s);
    for (int i = 0; i < 1000; ++i) {
        cache.put("file" + std::to_string(i), 0, file_of(std::string(1000, 'x')), at(0ms));
        CHECK(cache.bytes() <= 10'000);
        CHECK(cache.find("file0", 0, at(0ms)).file);
    }
    CHECK(cache.files() > 3);
    CHECK(cache.find("file999", 0, at(0ms)).file);
    CHECK_FALSE(cache.find("file500", 0, at(0ms)).file);
    for (int i = 0; i < 1000; ++i) cache.forget("file" + std::to_string(i), 0);
    CHECK(cache.bytes() == 0);
    CHECK(cache.files() == 0);
}

TEST_CASE("what is too large, not settled, or not in memory is not kept, and takes the place of what was") {
    FileCache cache(10'000, 1s);
    cache.put("a", 0, file_of(std::string(20'000, 'x')), at(0ms));
    CHECK(cache.files() == 0);

    auto* young = new ServedFile;
    const Ref<const ServedFile> unsettled(young);
    cache.put("a", 0, file_of("old"), at(0ms));
    cache.put("a", 0, unsettled, at(0ms));
    CHECK_FALSE(cache.find("a", 0, at(0ms)).file);

    auto* large = new ServedFile;
    const Ref<const ServedFile> on_disk(large);
    large->is_settled = true;
    large->file = Ref<SharedFile>(new SharedFile(Descriptor()));
    cache.put("a", 0, on_disk, at(0ms));
    CHECK(cache.files() == 0);
    CHECK(cache.bytes() == 0);
}

TEST_CASE("a file that has left the cache lives as long as somebody sends it") {
    FileCache cache(10'000, 1s);
    cache.put("a", 0, file_of("old"), at(0ms));
    const Ref<const ServedFile> held = cache.find("a", 0, at(0ms)).file;
    cache.put("a", 0, file_of("new"), at(0ms));
    CHECK(held->content.view() == "old");
    CHECK(cache.find("a", 0, at(0ms)).file->content.view() == "new");
}
