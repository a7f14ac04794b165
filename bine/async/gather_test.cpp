#include "bine/async/gather.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

using namespace bine;

TEST_CASE("gather gives all values, in the order of its arguments") {
    Promise<int> a;
    Promise<std::unique_ptr<int>> c;
    auto all = gather(a.deferred(), ready(), c.deferred());
    std::move(c).resolve(std::make_unique<int>(3));
    CHECK_FALSE(all.done());
    std::move(a).resolve(1);
    const auto values = std::move(all).result();
    REQUIRE(values.has_value());
    CHECK(std::get<0>(*values) == 1);
    CHECK(*std::get<2>(*values) == 3);
}

TEST_CASE("gather of a vector gives a vector, of none an empty one") {
    std::vector<Deferred<int>> deferreds;
    std::vector<Promise<int>> promises(10);
    for (auto& promise : promises) deferreds.push_back(promise.deferred());
    auto all = gather(std::move(deferreds));
    for (std::size_t i = promises.size(); i-- > 0;) std::move(promises[i]).resolve(static_cast<int>(i));
    CHECK(std::move(all).result().value() == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(std::move(gather(std::vector<Deferred<int>>())).result().value().empty());
    CHECK(std::move(gather(std::vector<Deferred<>>())).result().has_value());
}

TEST_CASE("the first error cancels the others and is the result") {
    Promise<int> a;
    Promise<> b;
    int cancelled = 0;
    b.on_cancel([&]() noexcept { ++cancelled; });
    auto all = gather(a.deferred(), b.deferred());
    std::move(a).fail(Errc::closed, "gone");
    CHECK(cancelled == 1);
    CHECK(std::move(all).result().error().text() == "gone");
}

TEST_CASE("an arm that ends cancelled cancels the rest") {
    Promise<int> a;
    Promise<> b;
    int cancelled = 0;
    b.on_cancel([&]() noexcept { ++cancelled; });
    auto all = gather(a.deferred(), b.deferred());
    {
        const Promise<int> gone = std::move(a);
    }
    CHECK(cancelled == 1);
    CHECK(std::move(all).result().error().is(Errc::cancelled));
}

TEST_CASE("dropping the result cancels what is pending") {
    Promise<int> a, b;
    int cancelled = 0;
    a.on_cancel([&]() noexcept { ++cancelled; });
    b.on_cancel([&]() noexcept { ++cancelled; });
    {
        auto all = gather(a.deferred(), ready(1), b.deferred());
    }
    CHECK(cancelled == 2);
}

TEST_CASE("gathers nest, and the tree shows their arms") {
    Promise<int> a, b, c;
    auto all = gather(gather(a.deferred(), b.deferred()), c.deferred()).then([](auto values) {
        const auto& [inner, last] = values;
        return std::get<0>(inner) + std::get<1>(inner) + last;
    });
    const std::string text = all.describe();
    CHECK(std::count(text.begin(), text.end(), '\n') == 10);
    std::move(a).resolve(1);
    std::move(b).resolve(2);
    std::move(c).resolve(3);
    CHECK(std::move(all).result().value() == 6);
}
