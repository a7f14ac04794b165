// Any bytes, cut in any way, give the same messages; and the messages, sent again, are the bytes that were read.
// The first byte of the input chooses the width.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/wire/length_prefixed.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto width = static_cast<LengthPrefixed::Width>(1u << (data[0] & 3u));
    const auto make = [width] { return LengthPrefixed({.width = width, .limit = 1000}); };
    const auto render = [](const LengthPrefixed::Event& event) { return "<" + std::string(event.bytes) + ">"; };
    split_input(input, make, render, {.every_cut_up_to = 48, .random_runs = 3, .seed = size});

    LengthPrefixed protocol = make();
    LengthPrefixed::Event event;
    std::string_view rest = input;
    Output output;
    while (protocol.next(rest, event) == Step::event) {
        if (!protocol.send(event.bytes, output)) std::abort();
        if (output.to_string() != input.substr(0, input.size() - rest.size())) std::abort();
    }
    return 0;
}
