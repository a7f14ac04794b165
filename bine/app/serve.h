// `bine serve`: a folder, or the example site that is built in, over HTTP.
#pragma once

#include "bine/app/exit_code.h"

namespace bine::app {

struct Settings;

ExitCode serve(const Settings& settings);

}  // namespace bine::app
