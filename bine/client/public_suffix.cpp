#include "bine/client/public_suffix.h"

#include <libpsl.h>

#include "bine/wire/ip_text.h"

namespace bine::http {

namespace {

bool is_address(const std::string& host) noexcept { return wire::try_parse_ipv4(host) || wire::try_parse_ipv6(host); }

}  // namespace

bool is_public_suffix(const std::string& host) {
    if (is_address(host)) return false;
    return host.find('.') == std::string::npos || psl_is_public_suffix(psl_builtin(), host.c_str()) != 0;
}

std::string site_of(const std::string& host) {
    if (is_address(host)) return host;
    const char* site = psl_registrable_domain(psl_builtin(), host.c_str());
    return site ? std::string(site) : host;
}

}  // namespace bine::http
