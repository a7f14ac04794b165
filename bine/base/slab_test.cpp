#include "bine/base/slab.h"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <stdexcept>
#include <string>

using namespace bine;

TEST_CASE("a slot is found by its name until it is erased") {
    Slab<std::string> slab;
    const auto [id, item] = slab.emplace("hello");
    CHECK(id);
    CHECK(slab.find(id) == item);
    CHECK(*item == "hello");
    CHECK(slab.size() == 1);
    slab.erase(id);
    CHECK(slab.find(id) == nullptr);
    CHECK(slab.size() == 0);
}

TEST_CASE("a name kept too long does not find the slot's next owner") {
    Slab<int> slab;
    const SlotId old = slab.emplace(1).first;
    slab.erase(old);
    const SlotId next = slab.emplace(2).first;
    CHECK(next.index == old.index);
    CHECK(next.generation != old.generation);
    CHECK(slab.find(old) == nullptr);
    slab.erase(old);
    REQUIRE(slab.find(next));
    CHECK(*slab.find(next) == 2);
}

TEST_CASE("names that nobody was given find nothing") {
    Slab<int> slab;
    CHECK(slab.find({}) == nullptr);
    CHECK(slab.find({7, 1}) == nullptr);
    const SlotId id = slab.emplace(1).first;
    CHECK(slab.find({id.index, 0}) == nullptr);
    CHECK(slab.find({id.index, id.generation + 1}) == nullptr);
    CHECK(slab.find({id.index + 1, id.generation}) == nullptr);
    CHECK(slab.find({UINT32_MAX, id.generation}) == nullptr);
    slab.erase({id.index + 1, 0});
    slab.erase({UINT32_MAX, UINT32_MAX});
    CHECK(slab.size() == 1);
    slab.erase(id);
    CHECK(slab.find({id.index, id.generation + 1}) == nullptr);
}

TEST_CASE("a name survives the journey through one word") {
    const SlotId id{0x89abcdef, 0xfedcba98};
    CHECK(SlotId::from_word(id.word()) == id);
    CHECK(SlotId().word() == 0);
    CHECK(!SlotId());
}

TEST_CASE("addresses stay the same while the table grows") {
    Slab<int> slab;
    const auto [id, first] = slab.emplace(42);
    std::set<uint64_t> names{id.word()};
    for (int i = 0; i < 1000; ++i) names.insert(slab.emplace(i).first.word());
    CHECK(names.size() == 1001);
    CHECK(slab.find(id) == first);
    CHECK(*first == 42);
}

TEST_CASE("for_each reaches every item and may erase any of them") {
    Slab<int> slab;
    std::set<uint64_t> live;
    for (int i = 0; i < 200; ++i) live.insert(slab.emplace(i).first.word());
    int seen = 0;
    slab.for_each([&](SlotId id, int&) {
        ++seen;
        live.erase(id.word());
        if (!live.empty()) {
            const uint64_t victim = *live.rbegin();
            live.erase(victim);
            slab.erase(SlotId::from_word(victim));
        }
        slab.erase(id);
    });
    CHECK(seen == 100);
    CHECK(slab.size() == 0);
}

TEST_CASE("a table that ends destroys what it holds") {
    const auto shared = std::make_shared<int>(1);
    {
        Slab<std::shared_ptr<int>> slab;
        slab.emplace(shared);
        slab.erase(slab.emplace(shared).first);
        CHECK(shared.use_count() == 2);
    }
    CHECK(shared.use_count() == 1);
}

TEST_CASE("a constructor that throws leaves no slot behind") {
    struct Reluctant {
        explicit Reluctant(bool refuse) {
            if (refuse) throw std::runtime_error("no");
        }
    };
    Slab<Reluctant> slab;
    CHECK_THROWS(slab.emplace(true));
    CHECK(slab.size() == 0);
    int seen = 0;
    slab.for_each([&](SlotId, Reluctant&) { ++seen; });
    CHECK(seen == 0);
    CHECK(slab.find(slab.emplace(false).first) != nullptr);
}

TEST_CASE("a destructor that erases its own name, or takes a new slot, is no second destruction") {
    struct Item {
        Slab<Item>* slab;
        int* destroyed;
        SlotId self{};
        bool again = false;
        ~Item() {
            ++*destroyed;
            slab->erase(self);
            if (again) CHECK(slab->emplace(slab, destroyed).first.index != self.index);
        }
        Item(Slab<Item>* s, int* d) : slab(s), destroyed(d) {}
    };
    int destroyed = 0;
    Slab<Item> slab;
    const auto [id, item] = slab.emplace(&slab, &destroyed);
    item->self = id;
    item->again = true;
    slab.erase(id);
    CHECK(destroyed == 1);
    CHECK(slab.size() == 1);
}
