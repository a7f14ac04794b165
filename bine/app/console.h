// Words to the shell.
#pragma once

#include <string_view>

#include "bine/app/exit_code.h"

namespace bine::app {

// False when the descriptor does not take all of it; errno says why.
bool write_all(int fd, std::string_view text);

// One line to standard error; answers `code`.
ExitCode complain(std::string_view text, ExitCode code);

}  // namespace bine::app
