#include "bine/names/service_order.h"

#include <algorithm>
#include <tuple>

namespace bine::names {

namespace {

using Place = std::vector<Service>::iterator;

// The one that the running sum of the weights reaches `drawn` at.
Place reached(Place first, Place last, uint64_t drawn) {
    uint64_t sum = 0;
    return std::find_if(first, last, [&](const Service& one) { return (sum += one.weight) >= drawn; });
}

}  // namespace

std::vector<Service> order_services(std::vector<Service> services, Function<uint64_t(uint64_t n)> below) {
    // Those without a weight stand in front of their priority, so that they have a small chance.
    std::sort(services.begin(), services.end(), [](const Service& a, const Service& b) {
        return std::tie(a.priority, a.weight, a.host, a.port) < std::tie(b.priority, b.weight, b.host, b.port);
    });
    for (auto first = services.begin(); first != services.end(); ++first) {
        uint64_t sum = 0;
        auto last = first;
        for (; last != services.end() && last->priority == first->priority; ++last) sum += last->weight;
        if (last - first < 2) continue;
        // Where no one has a weight, all have the same chance.
        const auto chosen = sum > 0
                                ? reached(first, last, below(sum))
                                : first + static_cast<std::ptrdiff_t>(below(static_cast<uint64_t>(last - first - 1)));
        std::rotate(first, chosen, chosen + 1);
    }
    return services;
}

}  // namespace bine::names
