// Whom to ask and how, as the system's files and the program say. A value; reading it blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bine/names/hosts_file.h"
#include "bine/names/options.h"

namespace bine::names {

struct Configuration {
    std::vector<Address> servers{};  // with ports; none: nobody is known, and `reason` says why
    std::string reason{};
    std::vector<std::string> search{};
    unsigned ndots = 1;
    Duration timeout = std::chrono::seconds(5);
    unsigned tries = 2;
    bool rotate = false;     // the servers take turns at being the first
    bool asks_hosts = true;  // the hosts file
    bool asks_servers = true;
    bool hosts_first = true;
    HostsFile hosts{};

    // The names to ask for in place of `name`, in order; that itself only, when it ends with a dot. Without dots at the end.
    std::vector<std::string> candidates(std::string_view name) const;
};

// Reads the files that `options` name: for a thread that may wait.
Configuration read_configuration(const ResolverOptions& options);

// Whether a server can be asked for it: labels of 1 to 63 printable bytes, 253 in all, with or without a dot at the end.
bool is_name(std::string_view name) noexcept;

}  // namespace bine::names
