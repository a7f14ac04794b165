// Keeps the real world out of a simulated one. Inner part of the world.
#pragma once

namespace bine::sim {

// While one is there, clock_gettime(), getrandom() and socket() end the process, and name their caller. Not in programs
// under sanitizers, which have those functions to themselves.
class RealWorldForbidden {
public:
    RealWorldForbidden() noexcept;
    ~RealWorldForbidden();
    RealWorldForbidden(const RealWorldForbidden&) = delete;
    RealWorldForbidden& operator=(const RealWorldForbidden&) = delete;
};

// Allows it for a while, for what is no part of the run: a progress line.
class RealWorldAllowed {
public:
    RealWorldAllowed() noexcept;
    ~RealWorldAllowed();
    RealWorldAllowed(const RealWorldAllowed&) = delete;
    RealWorldAllowed& operator=(const RealWorldAllowed&) = delete;

private:
    int before_;
};

}  // namespace bine::sim
