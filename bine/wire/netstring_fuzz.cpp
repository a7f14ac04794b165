// Any bytes, cut in any way, give the same strings; and the strings, sent again, are the bytes that were read.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/wire/netstring.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto make = [] { return Netstring({.limit = 1000}); };
    const auto render = [](const Netstring::Event& event) { return "<" + std::string(event.bytes) + ">"; };
    split_input(input, make, render, {.every_cut_up_to = 48, .random_runs = 3, .seed = size});

    Netstring netstring = make();
    Netstring::Event event;
    std::string_view rest = input;
    Output output;
    while (netstring.next(rest, event) == Step::event) {
        if (!netstring.send(event.bytes, output)) std::abort();
        if (output.to_string() != input.substr(0, input.size() - rest.size())) std::abort();
    }
    return 0;
}
