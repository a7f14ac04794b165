// What the asynchronous layer costs, in units of one std::function: slices of the two that alternate, and the median of
// their ratios. Prints one line of JSON a case. Usage:
//     micro [ROUNDS]
//     micro list                the names of the cases
//     micro count NAME TIMES    does nothing but one of them, for callgrind
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string_view>
#include <vector>

#include "micro_cases.h"

namespace bench {
namespace {

// The unit: a std::function with a capture of 24 bytes is made, called and destroyed.
void call_std_function(std::size_t times) {
    struct {
        std::uint64_t a, b, c;
    } captured{1, 2, 3};
    for (std::size_t i = 0; i < times; ++i) {
        escape(&captured);
        std::function<std::uint64_t()> function([captured] { return captured.a + captured.b + captured.c; });
        escape(&function);
        std::uint64_t sum = function();
        escape(&sum);
    }
}

class Comparison {
public:
    explicit Comparison(std::size_t rounds) : rounds_(rounds) {}

    template <class F>
    void measure(std::string_view name, double target, F&& run) const {
        run(kPerSlice);
        call_std_function(kPerSlice);
        std::vector<double> ratios;
        std::vector<double> costs;
        for (std::size_t round = 0; round < rounds_; ++round) {
            const double unit_before = time_slice(call_std_function);
            const double cost = time_slice(run);
            const double unit_after = time_slice(call_std_function);
            ratios.push_back(cost / ((unit_before + unit_after) / 2));
            costs.push_back(cost);
        }
        std::sort(ratios.begin(), ratios.end());
        std::sort(costs.begin(), costs.end());
        std::printf("{\"case\": \"%.*s\", \"ns\": %.2f, \"ratio\": %.3f, \"quartiles\": [%.3f, %.3f], \"target\": ",
                    static_cast<int>(name.size()), name.data(), at(costs, 0.5), at(ratios, 0.5), at(ratios, 0.25),
                    at(ratios, 0.75));
        target > 0 ? std::printf("%.2f}\n", target) : std::printf("null}\n");
        std::fflush(stdout);
    }

private:
    static constexpr std::size_t kPerSlice = 100'000;

    // Nanoseconds per operation.
    template <class F>
    static double time_slice(F&& run) {
        const auto start = std::chrono::steady_clock::now();
        run(kPerSlice);
        const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
        return elapsed.count() / kPerSlice;
    }

    static double at(const std::vector<double>& sorted, double share) {
        return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
    }

    std::size_t rounds_;
};

// Prints the names.
struct Names {
    template <class F>
    void measure(std::string_view name, double, F&&) const {
        std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
    }
};

// Does one operation so many times.
struct Count {
    std::string_view wanted;
    std::size_t times;
    bool found = false;

    template <class F>
    void measure(std::string_view name, double, F&& run) {
        if (name != wanted) return;
        found = true;
        run(times);
    }
};

int count(std::string_view name, std::size_t times) {
    Count one{.wanted = name, .times = times};
    measure_all(one);
    return one.found ? 0 : 64;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    if (argc == 4 && std::string_view(argv[1]) == "count") {
        return bench::count(argv[2], std::strtoul(argv[3], nullptr, 10));
    }
    if (argc == 2 && std::string_view(argv[1]) == "list") {
        bench::Names names;
        bench::measure_all(names);
        return 0;
    }
    bench::Comparison compare(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 41);
    bench::measure_all(compare);
}
