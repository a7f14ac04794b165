// `bine env`: what bine runs on here.
#pragma once

#include <string>
#include <string_view>

namespace bine::app {

struct Settings;

// "key  value" lines.
// Errors: throws Error when no reactor can be made.
std::string describe_environment(const Settings& settings);

// Raises the soft limit of open descriptors to the hard one.
void raise_descriptor_limit() noexcept;

// Opens /dev/null where standard input, output or error are closed, so that no socket takes their numbers.
void fill_standard_descriptors() noexcept;

}  // namespace bine::app
