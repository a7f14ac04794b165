// How a names::Resolver asks, and what it remembers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bine/base/time.h"
#include "bine/driver/address.h"

namespace bine::names {

// What is not set is as the system is configured: resolv.conf, nsswitch.conf, and the defaults of these.
struct ResolverOptions {
    ResolverOptions() = default;

    // Whom to ask, in this order, with their ports; an address with port 0 is asked at port 53.
    std::vector<Address> servers{};
    // How long a server may take for its first answer; twice as long in the second round, and so on. 0: as configured.
    Duration timeout{0};
    // How often each server is asked while none answers. 0: as configured.
    unsigned tries = 0;
    // A name with fewer dots is tried in the search domains first. -1: as configured.
    int ndots = -1;
    // Instead of the configured domains.
    std::vector<std::string> search{};
    bool no_search = false;
    std::string resolv_conf = "/etc/resolv.conf";
    std::string hosts_file = "/etc/hosts";  // empty: none is read

    // What was answered is kept as long as it says, within these. For what there is not: RFC 2308.
    Duration min_ttl{0};
    Duration max_ttl = std::chrono::hours(24);
    Duration max_negative_ttl = std::chrono::minutes(5);
    // About what is kept may take; what was not asked for the longest time goes first. 0: nothing is kept.
    std::size_t cache_bytes = std::size_t{1} << 20;
    // Questions under way at a time; further ones wait for their turn.
    std::size_t max_questions = 64;
};

}  // namespace bine::names
