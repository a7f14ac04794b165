// What the `bine` command answers to the shell.
#pragma once

namespace bine::app {

enum class ExitCode : int {
    ok = 0,
    failure = 1,  // could not do it: no such folder, the port is taken
    forced = 2,   // stopped before every connection had ended: a second signal, or the grace was over
    // of `bine get`
    refused = 4,       // --fail: a status of 4xx
    server_error = 5,  // --fail: a status of 5xx
    unreachable = 6,   // no name, no connection
    timed_out = 7,
    not_trusted = 8,  // TLS: they do not believe each other
    broken = 9,       // the answer, or the end of it
    interrupted = 130,
    terminated = 143,

    usage = 64,  // the command line makes no sense (EX_USAGE of sysexits.h)
};

}  // namespace bine::app
