// The `bine` command, from the command line to the exit code.
#pragma once

namespace bine::app {

// Writes results to standard output, everything else to standard error.
int run_program(int argc, char** argv);

}  // namespace bine::app
