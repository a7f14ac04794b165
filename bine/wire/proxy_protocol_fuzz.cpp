// Any bytes, cut in any way, give the same header; what was read can be sent in its version and is read the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/wire/proxy_protocol.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

std::string render(const ProxyHeader& header) {
    std::string text =
        std::to_string(header.version) + (header.local ? "l" : "") + std::to_string(static_cast<int>(header.transport));
    for (const ProxyAddress& address : {header.source, header.destination}) {
        text += " " + address.host + " " + std::to_string(address.port);
    }
    std::string_view rest = header.tlvs;
    while (const auto tlv = try_take_tlv(rest)) {
        if (tlv->type == ProxyTlv::kChecksum) continue;
        text += " " + std::to_string(tlv->type) + "=" + std::string(tlv->value);
        if (const auto ssl = try_parse_ssl_tlv(tlv->value)) (void)try_find_tlv(ssl->tlvs, ProxyTlv::kSslVersion);
    }
    require(rest.empty());
    return text;
}

void send_again(std::string_view input) {
    ProxyProtocol reader;
    ProxyHeader header;
    if (reader.next(input, header) != Step::event) return;
    Output output;
    require(ProxyProtocol({.checksum = input.size() % 2 == 0}).send(header, output).has_value());

    ProxyProtocol second;
    ProxyHeader again;
    const std::string bytes = output.to_string();
    std::string_view rest = bytes;
    require(second.next(rest, again) == Step::event);
    require(rest.empty());
    require(render(again) == render(header));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    split_input(input, [] { return ProxyProtocol(); }, render, {.every_cut_up_to = 48, .random_runs = 3, .seed = size});
    send_again(input);
    return 0;
}
