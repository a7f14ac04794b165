// Why listening failed, with the cure.
#pragma once

#include <string>

#include "bine/app/exit_code.h"
#include "bine/base/error.h"

namespace bine::app {

// One sentence: the cause as `error` tells it, and what to write instead or to do.
std::string explain_listen_error(std::string_view endpoint, const Error& error);

// usage when the endpoint itself makes no sense, failure when the system refuses it.
ExitCode exit_code_of_listen_error(const Error& error) noexcept;

}  // namespace bine::app
