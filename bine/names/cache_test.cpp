#include "bine/names/cache.h"

#include <doctest/doctest.h>

namespace bine::names {
namespace {

using namespace std::chrono_literals;

Found records(std::size_t bytes = 0) {
    auto found = std::make_shared<Records>();
    if (bytes > 0) found->texts.emplace_back(bytes, 'x');
    return found;
}

TEST_CASE("an answer is there as long as it holds, for its name and type") {
    Cache cache(1 << 20);
    const TimePoint start{};
    cache.put({"a", RecordType::a}, records(), start + 5s);
    CHECK(cache.find({"a", RecordType::a}, start + 4s));
    CHECK(!cache.find({"a", RecordType::aaaa}, start));
    CHECK(!cache.find({"b", RecordType::a}, start));
    CHECK(!cache.find({"a", RecordType::a}, start + 5s));
    CHECK(cache.size() == 0);
    CHECK(cache.bytes() == 0);
}

TEST_CASE("a later answer takes the place of an earlier one") {
    Cache cache(1 << 20);
    const TimePoint start{};
    cache.put({"a", RecordType::txt}, records(100), start + 5s);
    cache.put({"a", RecordType::txt}, records(200), start + 9s);
    CHECK(cache.size() == 1);
    REQUIRE(cache.find({"a", RecordType::txt}, start + 8s));
    CHECK(cache.find({"a", RecordType::txt}, start + 8s)->texts.front().size() == 200);
    cache.clear();
    CHECK(cache.bytes() == 0);
    CHECK(!cache.find({"a", RecordType::txt}, start));
}

TEST_CASE("what was not asked for the longest time goes first, and what is larger than all is not kept") {
    Cache cache(5000);
    const TimePoint start{};
    for (const char* name : {"a", "b", "c"}) cache.put({name, RecordType::txt}, records(1000), start + 1h);
    REQUIRE(cache.size() == 3);
    CHECK(cache.find({"a", RecordType::txt}, start));
    cache.put({"d", RecordType::txt}, records(1000), start + 1h);
    CHECK(cache.size() == 3);
    CHECK(cache.bytes() <= 5000);
    CHECK(!cache.find({"b", RecordType::txt}, start));
    CHECK(cache.find({"a", RecordType::txt}, start));
    cache.put({"e", RecordType::txt}, records(6000), start + 1h);
    CHECK(cache.size() == 3);
    Cache none(0);
    none.put({"a", RecordType::a}, records(), start + 1h);
    CHECK(none.size() == 0);
}

}  // namespace
}  // namespace bine::names
