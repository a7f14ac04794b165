#include "bine/base/intrusive_list.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace bine;

namespace {

struct Other;

struct Item : ListHook<>, ListHook<Other> {
    explicit Item(char letter) : name(letter) {}
    char name;
};

std::string names(IntrusiveList<Item>& list) {
    std::string text;
    list.for_each([&](Item& item) { text += item.name; });
    return text;
}

}  // namespace

TEST_CASE("elements come out in the order of push_back and push_front") {
    Item a('a'), b('b'), c('c');
    IntrusiveList<Item> list;
    CHECK(list.empty());
    CHECK(list.front() == nullptr);
    CHECK(list.pop_front() == nullptr);
    list.push_back(b);
    list.push_back(c);
    list.push_front(a);
    CHECK(names(list) == "abc");
    CHECK(list.front() == &a);
    CHECK(list.pop_front() == &a);
    CHECK(!static_cast<ListHook<>&>(a).linked());
    CHECK(names(list) == "bc");
}

TEST_CASE("an element unlinks itself when it is destroyed") {
    IntrusiveList<Item> list;
    Item a('a'), c('c');
    list.push_back(a);
    auto b = std::make_unique<Item>('b');
    list.push_back(*b);
    list.push_back(c);
    b.reset();
    CHECK(names(list) == "ac");
}

TEST_CASE("unlinking twice does nothing, and the element can be linked again") {
    IntrusiveList<Item> list;
    Item a('a');
    ListHook<>& hook = a;
    list.push_back(a);
    hook.unlink();
    hook.unlink();
    CHECK(list.empty());
    list.push_back(a);
    CHECK(names(list) == "a");
}

TEST_CASE("a list that ends unlinks what is left") {
    Item a('a'), b('b');
    {
        IntrusiveList<Item> list;
        list.push_back(a);
        list.push_back(b);
    }
    CHECK(!static_cast<ListHook<>&>(a).linked());
    IntrusiveList<Item> next;
    next.push_back(b);
    CHECK(names(next) == "b");
}

TEST_CASE("one element is in two lists by two hooks") {
    IntrusiveList<Item> first;
    IntrusiveList<Item, Other> second;
    Item a('a');
    first.push_back(a);
    second.push_back(a);
    CHECK(first.pop_front() == &a);
    CHECK(second.front() == &a);
}

TEST_CASE("splice_back appends all and leaves the other list usable") {
    IntrusiveList<Item> first, second;
    Item a('a'), b('b'), c('c'), d('d');
    first.splice_back(second);
    CHECK(first.empty());
    second.push_back(a);
    second.push_back(b);
    first.splice_back(second);
    CHECK(second.empty());
    CHECK(names(first) == "ab");
    second.push_back(c);
    second.push_back(d);
    first.splice_back(second);
    CHECK(names(first) == "abcd");
    first.splice_back(first);
    CHECK(names(first) == "abcd");
    static_cast<ListHook<>&>(d).unlink();
    second.push_back(d);
    CHECK(names(first) == "abc");
    CHECK(names(second) == "d");
}

TEST_CASE("for_each allows the element at hand to be unlinked or destroyed") {
    IntrusiveList<Item> list;
    Item a('a'), c('c');
    auto* b = new Item('b');
    list.push_back(a);
    list.push_back(*b);
    list.push_back(c);
    std::string seen;
    list.for_each([&](Item& item) {
        seen += item.name;
        if (item.name == 'a') static_cast<ListHook<>&>(item).unlink();
        if (item.name == 'b') delete b;
    });
    CHECK(seen == "abc");
    CHECK(names(list) == "c");
}
