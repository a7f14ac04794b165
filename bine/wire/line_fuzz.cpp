// Any bytes, cut in any way, give the same lines; what was read can be sent again and is read the same.
// The first byte of the input chooses delimiter and limit.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/wire/line.h"
#include "bine/wire/split_input.h"

using namespace bine;
using namespace bine::wire;

namespace {

constexpr std::string_view kDelimiters[] = {
    "\r\n", "\n", "aa", "aab", "12345678", "\r\n\r\n", std::string_view("\0", 1), "abab"};

Transcript run(std::string_view input, Line::Options options) {
    const auto make = [options] { return Line(options); };
    const auto render = [](Line& line, const Line::Event& event) {
        if (event.kind == Line::Event::Kind::raw) return std::string(event.bytes);
        if (event.bytes.starts_with('#')) line.take(event.bytes.size());
        if (event.bytes == "*") line.take(Line::kAll);
        return "<" + std::string(event.bytes) + ">";
    };
    return split_input(input, make, render, {.every_cut_up_to = 48, .random_runs = 3, .seed = input.size()});
}

void send_again(std::string_view input, Line::Options options) {
    Line line(options);
    Line::Event event;
    while (line.next(input, event) == Step::event) {
        Output output;
        if (!line.send(event.bytes, output)) std::abort();
        const std::string bytes = output.to_string();
        std::string_view rest = bytes;
        Line reader(options);
        Line::Event echoed;
        if (reader.next(rest, echoed) != Step::event || echoed.bytes != event.bytes || !rest.empty()) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Line::Options options{.delimiter = kDelimiters[data[0] & 7u], .limit = std::size_t{data[0]} >> 3u};
    run(input, options);
    send_again(input.substr(0, 256), options);
    return 0;
}
