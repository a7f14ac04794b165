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

}  // namespace bine::sim
