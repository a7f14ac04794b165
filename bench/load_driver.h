// How one server is loaded: what load.cpp times, and the three that do it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

inline Clock::duration to_duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(Seconds(seconds));
}

// All connections to one server. A lost connection, a wrong, missing or surplus byte throws.
class LoadDriver {
public:
    virtual ~LoadDriver() = default;

    // Asks on every connection, and goes on asking until stop().
    virtual void start() = 0;
    virtual void run_for(double seconds) = 0;
    // Takes the answers that are still due.
    virtual void stop() = 0;

    // Exchanges of each connection that are done, since it was made.
    virtual std::vector<std::uint64_t> turns() const = 0;

    // From here to end_window counts what is kept besides.
    virtual void begin_window() {}
    virtual void end_window() {}
    // More members of the line, each with a comma before it.
    virtual std::string more() const { return {}; }
};

}  // namespace bench
