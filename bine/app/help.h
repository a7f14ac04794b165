// The welcome screen and the help pages, as text for standard output.
#pragma once

#include <string>

#include "bine/app/command.h"

namespace bine::app {

// What `bine` alone prints.
std::string welcome_screen(bool colour);
std::string help_page(const Command& command, bool colour);

}  // namespace bine::app
