// Whatever the bytes and however they are cut, chunks are taken apart in the same way; what came out, put into chunks again,
// comes out again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/wire/http1/chunked.h"
#include "bine/wire/split_input.h"

namespace {

using bine::http1::ChunkedDecoder;
using bine::wire::Step;

std::string render(const ChunkedDecoder::Event& event) { return event.data.empty() ? "." : std::string(event.data); }

std::string decode(std::string_view input) {
    ChunkedDecoder decoder;
    ChunkedDecoder::Event event;
    std::string data;
    while (decoder.next(input, event) == Step::event) data += event.data;
    return data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    bine::wire::split_input(input, [] { return ChunkedDecoder(); }, render, {.every_cut_up_to = 256});

    bine::Output output;
    for (std::size_t at = 0; at < size; at += 1 + at % 7)
        bine::http1::append_chunk(output, input.substr(at, 1 + at % 7));
    output.append("0\r\n");
    if (decode(output.to_string()) != input) std::abort();
    return 0;
}
