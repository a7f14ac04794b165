// Any bytes, cut in any way, are answered alike, with a login and without.
#include <cstdint>
#include <string>

#include "bine/wire/socks5.h"
#include "bine/wire/split_input.h"

using namespace bine::wire;

namespace {

std::string render(const Socks5Client::Event& event) {
    if (event.kind == Socks5Client::Event::Kind::speak) return "<" + std::string(event.bytes) + ">";
    return event.host + " " + std::to_string(event.port);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size == 0) return 0;  // the client speaks first, in whose call hangs on the cuts then
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    for (const Socks5Client::Login& login : {Socks5Client::Login{}, Socks5Client::Login{"user", "password"}}) {
        const auto make = [&] { return Socks5Client::make({"example.com", 443}, login).value(); };
        split_input(input, make, render, {.every_cut_up_to = 48, .random_runs = 3, .seed = size});
    }
    return 0;
}
