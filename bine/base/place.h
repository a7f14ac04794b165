// A place in the source: who made this Deferred, where a frame waits, where an error began.
#pragma once

#include <source_location>

namespace bine {

// Pass it last, defaulted: `Place place = Place::current()`.
using Place = std::source_location;

}  // namespace bine
