// Why `bine get` has no answer, what may be done about it, and what the shell is told.
#pragma once

#include <string>

#include "bine/app/exit_code.h"
#include "bine/base/error.h"

namespace bine::app {

// How far a request was when it failed.
enum class GetPhase { connecting, securing, asking };

ExitCode exit_code_of_get_error(const Error& error, GetPhase phase) noexcept;

// One line: the error's text, then the cure where there is one.
std::string explain_get_error(const Error& error, GetPhase phase);

}  // namespace bine::app
