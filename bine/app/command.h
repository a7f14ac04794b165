// The commands and options of `bine`: one table that the parser, the help pages and the welcome screen are made from.
// Static data of any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace bine::app {

enum class OptionId : uint8_t {
    listen,
    tls,
    certificate,
    key,
    quiet,
    no_listing,
    workers,
    grace,
    log_format,
    log_level,
    reactor,
    // of `get`
    method,
    header,
    data,
    json,
    form,
    follow,
    output,
    remote_name,
    include,
    head,
    fail,
    user,
    bearer,
    cookie_jar,
    proxy,
    unix_path,
    insecure,
    authorities,
    client_certificate,
    client_key,
    connect_timeout,
    timeout,
    compressed,
    no_progress
};

struct Option {
    OptionId id;
    std::string_view flags;     // "-l,--listen"
    std::string_view variable;  // "BINE_LISTEN"; empty: a flag only
    std::string_view value;     // "ENDPOINT"; empty for a switch
    std::string_view fallback;  // as the help shows it; empty: none
    std::string_view text;

    // "--listen"
    std::string_view name() const noexcept { return flags.substr(flags.find("--")); }
    bool is_switch() const noexcept { return value.empty(); }
};

struct Command {
    std::string_view name;
    std::string_view argument;  // "[DIR]", "URL"; empty: takes none
    std::string_view summary;   // one line
    std::string_view text;      // what the help says below it
    std::string_view endpoint;  // where it listens unless told otherwise; empty: it does not
    std::string_view example;   // one line
    std::span<const Option* const> options;
    std::string_view notes{};  // what the help says behind the options; lines

    bool serves() const noexcept { return !endpoint.empty(); }
};

std::span<const Command> commands() noexcept;
// Null when there is none of that name.
const Command* find_command(std::string_view name) noexcept;
const Option& find_option(OptionId id) noexcept;

}  // namespace bine::app
