// Python's own clocks, chance and sockets, while a simulated world is played in a thread: those of the world.
//
// Theory. datetime.now(), os.urandom(), a C extension: all of them end in a few functions of the C library, which every object
// that is loaded calls by way of its table of addresses. These entries are set to functions of ours, which ask the world of
// the calling thread and, where there is none, the C library. Nothing is replaced before the first world.
#pragma once

#include <cstddef>

#include "bine/base/time.h"

namespace bine::python {

// What a world says instead.
class UnrealWorld {
public:
    virtual TimePoint now() noexcept = 0;
    virtual WallTime wall_now() noexcept = 0;
    virtual void random(char* bytes, std::size_t count) noexcept = 0;

protected:
    ~UnrealWorld() = default;
};

// From now on `world` answers in this thread; null: the real one. Answers who did before.
UnrealWorld* put_in_place(UnrealWorld* world);
UnrealWorld* unreal_world() noexcept;

}  // namespace bine::python
