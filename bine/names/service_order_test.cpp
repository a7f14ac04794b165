#include "bine/names/service_order.h"

#include <doctest/doctest.h>

#include <map>

namespace bine::names {
namespace {

std::string hosts(const std::vector<Service>& services) {
    std::string text;
    for (const Service& one : services) text += one.host;
    return text;
}

TEST_CASE("services come by priority, and by what is drawn among equals") {
    const std::vector<Service> services{{"c", 1, 20, 0}, {"a", 1, 10, 30}, {"b", 1, 10, 10}};
    std::vector<uint64_t> asked;
    const auto draw = [&asked](uint64_t value) {
        return [&asked, value](uint64_t most) {
            asked.push_back(most);
            return std::min(value, most);
        };
    };
    CHECK(hosts(order_services(services, draw(0))) == "bac");
    CHECK(hosts(order_services(services, draw(10))) == "bac");
    CHECK(hosts(order_services(services, draw(11))) == "abc");
    CHECK(asked == std::vector<uint64_t>{40, 40, 40});
}

TEST_CASE("those without a weight have a small chance, and among themselves the same") {
    const std::vector<Service> services{{"a", 1, 1, 5}, {"b", 1, 1, 0}};
    CHECK(hosts(order_services(services, [](uint64_t) { return uint64_t{0}; })) == "ba");
    CHECK(hosts(order_services(services, [](uint64_t) { return uint64_t{1}; })) == "ab");
    CHECK(hosts(order_services({{"x", 1, 1, 0}, {"y", 1, 1, 0}}, [](uint64_t) { return uint64_t{0}; })) == "xy");
    CHECK(hosts(order_services({{"x", 1, 1, 0}, {"y", 1, 1, 0}}, [](uint64_t most) { return most; })) == "yx");
    CHECK(order_services({}, [](uint64_t most) { return most; }).empty());
}

TEST_CASE("weights say how often one is the first") {
    const std::vector<Service> services{{"a", 1, 1, 1}, {"b", 1, 1, 3}, {"c", 1, 1, 6}};
    std::map<std::string, int> first;
    uint64_t state = 1;
    for (int i = 0; i < 11000; ++i) {
        const auto order = order_services(services, [&](uint64_t most) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            return (state >> 33) % (most + 1);
        });
        ++first[order.front().host];
        CHECK(order.size() == 3);
    }
    // 0 and 1 draw the first of 11 numbers, as RFC 2782 has it.
    CHECK(first["a"] == doctest::Approx(2000).epsilon(0.1));
    CHECK(first["b"] == doctest::Approx(3000).epsilon(0.1));
    CHECK(first["c"] == doctest::Approx(6000).epsilon(0.1));
}

}  // namespace
}  // namespace bine::names
