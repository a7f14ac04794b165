// TLS as the command line asks for it.
#pragma once

#include <optional>

#include "bine/base/result.h"
#include "bine/base/time.h"
#include "bine/tls/context.h"

namespace bine::app {

struct Settings;

// What --tls, --certificate and --key mean; nothing when none was given. One that is made on the spot is said so in the log.
// Errors: files that cannot be used.
Result<std::optional<tls::Context>> secure_context(const Settings& settings, WallTime now);

}  // namespace bine::app
