// `bine get`: one request, and its answer on standard output or in a file.
#pragma once

#include "bine/app/exit_code.h"

namespace bine::app {

struct Settings;

// Runs until the answer has come, an error or a signal. Does not return after the latter two when something still waits that
// cannot be given up, such as a look-up of the system's: it exits.
ExitCode get(const Settings& settings);

}  // namespace bine::app
