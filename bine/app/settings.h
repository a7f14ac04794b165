// What the user asked `bine` for: flags over environment variables over defaults, checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/app/command.h"
#include "bine/app/get_settings.h"
#include "bine/app/given.h"
#include "bine/app/log_writer.h"
#include "bine/base/function.h"
#include "bine/base/log.h"
#include "bine/base/result.h"
#include "bine/base/time.h"
#include "bine/driver/driver.h"

namespace bine::app {

struct Settings {
    const Command* command = nullptr;     // null: the welcome screen
    bool help = false;                    // explain `command` instead of running it
    std::optional<std::string> argument;  // the folder of `serve`, the topic of `help`, the URL of `get`
    std::vector<std::string> listen;      // never empty for a command that serves
    bool tls = false;
    std::vector<std::string> certificates;  // files; none with `tls`: one is made
    std::vector<std::string> keys;          // for each of them; or none: the keys are in the same files
    bool quiet = false;
    bool listing = true;
    std::size_t workers = 1;
    Duration grace = std::chrono::seconds(10);
    LogFormat log_format = LogFormat::automatic;
    log::Level log_level = log::Level::info;
    DriverKind reactor = DriverKind::automatic;
    std::string reactor_reason = "bine chooses";  // or "asked for by --reactor"
    GetSettings get;
};

// Answers the value of an environment variable, or null.
using Environment = Function<const char*(std::string_view name)>;

// The values of `option`: `flags` when there are any, else what its variable says; none when that is empty too.
Given choose_source(const Option& option, std::vector<std::string> flags, Environment& environment);

// Stores what was given. Errors: invalid_argument; the text names the source, the value and what would do.
Result<> apply(Settings& settings, const Option& option, const Given& given);

}  // namespace bine::app
