// From argv and the environment to Settings.
#pragma once

#include <span>

#include "bine/app/settings.h"

namespace bine::app {

// `arguments` without the program's name. Errors: invalid_argument, with a sentence that begins with the command.
Result<Settings> parse_command_line(std::span<const char* const> arguments, Environment environment);

}  // namespace bine::app
