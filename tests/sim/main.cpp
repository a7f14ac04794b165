#include <iterator>

#include "bine/sim/explore.h"
#include "scenarios.h"

int main(int argc, char** argv) {
    std::vector<bine::sim::Scenario> all;
    for (auto part : {bine::tests::http_scenarios, bine::tests::net_scenarios, bine::tests::async_scenarios,
                      bine::tests::tls_scenarios, bine::tests::client_scenarios}) {
        auto some = part();
        std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    return bine::sim::explore(argc, argv, std::move(all));
}
