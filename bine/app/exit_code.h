// What the `bine` command answers to the shell.
#pragma once

namespace bine::app {

enum class ExitCode : int {
    ok = 0,
    failure = 1,  // could not do it: no such folder, the port is taken
    forced = 2,   // stopped before every connection had ended: a second signal, or the grace was over
    usage = 64,   // the command line makes no sense (EX_USAGE of sysexits.h)
};

}  // namespace bine::app
