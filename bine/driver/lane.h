// The two parts of a turn.
#pragma once

#include <cstdint>

namespace bine {

// Which part of a turn serves a sink. The second one is entered at most once a turn, and only when it has work: it is
// for what must hold a lock to run, as Python's.
enum class Lane : uint8_t { native, second };

}  // namespace bine
