// Any text as a proxy and as exceptions: what is read is written so that it is read the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/client/proxy_settings.h"

using namespace bine;
using namespace bine::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const ProxyExceptions exceptions(input);
    for (const char* host : {"example.com", "10.1.2.3", "fd00::1", ""}) (void)exceptions.has(host);
    if (const auto proxy = ProxyServer::parse(input)) {
        const auto again = ProxyServer::parse(proxy->to_string());
        if (!again || again->host != proxy->host || again->port != proxy->port || again->kind != proxy->kind)
            std::abort();
    }
    return 0;
}
