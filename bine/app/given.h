// What was given for one option, and what it may mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bine/base/result.h"
#include "bine/base/time.h"

namespace bine::app {

// In order; `source` is "--listen" or "BINE_LISTEN".
struct Given {
    std::string_view source;
    std::vector<std::string> values;
};

// "--grace is "soon"; expected a number".
std::unexpected<Error> refuse(const Given& given, std::string_view value, std::string_view expected);

// Of the last value. Errors: invalid_argument, with the source, the value and what would do.
Result<bool> to_switch(const Given& given);
// From 0 to a day.
Result<Duration> to_seconds(const Given& given);

}  // namespace bine::app
