#include "bine/async/within.h"

namespace bine {

Error time_limit_error(const Place& place) { return {Errc::timed_out, "a time limit has passed", place}; }

}  // namespace bine
