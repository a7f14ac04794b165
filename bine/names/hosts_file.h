// The names that a machine knows by itself, hosts(5). A value; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bine/driver/address.h"

namespace bine::names {

class HostsFile {
public:
    HostsFile() = default;
    // Lines that say nothing sensible are skipped, as everybody does.
    explicit HostsFile(std::string_view text);

    // All addresses of a name, ignoring case, in the order of the file, without a port; null when it is not there.
    const std::vector<Address>* find(std::string_view name) const;
    std::size_t size() const noexcept { return addresses_.size(); }

private:
    std::map<std::string, std::vector<Address>, std::less<>> addresses_;
};

}  // namespace bine::names
