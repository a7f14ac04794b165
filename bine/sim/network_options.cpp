// Swarm testing (Groce, Zhang, Eide, Chen, Regehr 2012): runs that leave out most faults reach states that runs with all of
// them never do. Each draw has the plain value first.
#include "bine/sim/network_options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "bine/sim/chance.h"

namespace bine::sim {

namespace {

template <class T, std::size_t N>
T one_of(Chance& chance, const std::array<T, N>& values) {
    return values[chance.choose(N)];
}

// None in three runs of four.
uint32_t rate(Chance& chance, const std::array<uint32_t, 3>& rates) {
    const uint64_t drawn = chance.choose(12);
    return drawn < 9 ? 0 : rates[drawn - 9];
}

}  // namespace

NetworkOptions NetworkOptions::drawn(Chance& chance) {
    NetworkOptions options;
    options.longest_latency = one_of<Duration>(
        chance, std::array<Duration, 4>{std::chrono::milliseconds(2), std::chrono::microseconds(20),
                                        std::chrono::milliseconds(50), std::chrono::milliseconds(400)});
    options.bandwidth = one_of(chance, std::array<uint64_t, 4>{0, 0, 1'000'000, 50'000});
    options.buffer = one_of(chance, std::array<std::size_t, 6>{65536, 65536, 16384, 4096, 700, 64});
    // A small window over a long way is slow, and nothing else.
    if (options.buffer < 4096)
        options.longest_latency = std::min<Duration>(options.longest_latency, std::chrono::milliseconds(2));
    options.fragment = chance.choose(4) != 0;
    options.reset = rate(chance, {400, 80, 20});
    options.refusal = rate(chance, {20, 6, 3});
    options.accept_failure = rate(chance, {20, 6, 2});
    options.lookup_failure = rate(chance, {20, 6, 2});
    options.datagram_loss = rate(chance, {50, 8, 2});
    options.datagram_copy = rate(chance, {50, 8, 2});
    return options;
}

NetworkOptions NetworkOptions::healed() const noexcept {
    NetworkOptions options = *this;
    options.reset = options.refusal = options.accept_failure = options.lookup_failure = 0;
    options.datagram_loss = options.datagram_copy = 0;
    return options;
}

std::string NetworkOptions::to_string() const {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(longest_latency).count();
    std::string words = "latency up to ";
    words += microseconds < 1000 ? std::to_string(microseconds) + " us" : std::to_string(microseconds / 1000) + " ms";
    if (bandwidth != 0) words += ", " + std::to_string(bandwidth) + " bytes a second";
    words += ", room for " + std::to_string(buffer) + " bytes";
    if (fragment) words += ", in pieces";
    const std::pair<const char*, uint32_t> faults[] = {{"resets", reset},
                                                       {"refusals", refusal},
                                                       {"failed accepts", accept_failure},
                                                       {"failed look-ups", lookup_failure},
                                                       {"lost datagrams", datagram_loss},
                                                       {"doubled datagrams", datagram_copy}};
    for (const auto& [what, one_in] : faults) {
        if (one_in != 0) words += std::string(", ") + what + ": 1 in " + std::to_string(one_in);
    }
    return words;
}

}  // namespace bine::sim
