// Any text is read or refused, and what is read is written so that it is read back the same.
#include <cstdint>
#include <cstdlib>

#include "bine/endpoints/endpoint_string.h"

using namespace bine;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto description = parse_endpoint(text);
    const auto prefix = split_endpoint(text);
    require(prefix.has_value() || !description.has_value());
    if (!description) {
        require(!description.error().text().empty() && description.error().text().find('\n') == std::string::npos);
        return 0;
    }
    require(prefix->name == description->name);
    const auto again = parse_endpoint(to_string(*description));
    require(again ? *again == *description : again.error().is(Errc::limit_exceeded));

    if (auto bound = EndpointArguments::bind(*description, {"a", "b", "c"}, {"d", "e"})) {
        for (const char* name : {"a", "b", "c", "d", "e"}) {
            require(bound->string(name, "").has_value());
            if (const auto mode = bound->mode(name, 0u)) require(*mode <= 07777);
            require(bound->port(name, uint16_t{0}).has_value() || bound->has(name));
            require(!bound->flag(name).has_value() || bound->has(name));
            if (const auto count = bound->count(name, 77)) require(*count <= 77);
        }
    }
    return 0;
}
