// Drives each parser over an input of a given size, for callgrind to count the instructions: twice the input must not cost
// much more than twice as many. Each parser has the shapes that are quadratic when it is written carelessly: one long
// thing that comes byte by byte, and very many small ones.
//
//     linear list             the names
//     linear NAME FACTOR      parses FACTOR times the basic size, prints the bytes; counted is what parse_measured calls
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/endpoints/endpoint_string.h"
#include "bine/wire/http1/chunked.h"
#include "bine/wire/http1/entity_tag.h"
#include "bine/wire/http1/list.h"
#include "bine/wire/http1/request_parser.h"
#include "bine/wire/http1/target.h"
#include "bine/wire/length_prefixed.h"
#include "bine/wire/line.h"
#include "bine/wire/netstring.h"
#include "request_mix.h"

extern "C" void parse_measured(const std::function<bool()>& parse, bool& right);

// Not inlined, so that callgrind can count from here on.
extern "C" [[gnu::noinline]] void parse_measured(const std::function<bool()>& parse, bool& right) { right = parse(); }

namespace bench {
namespace {

constexpr std::size_t kBasicSize = 16'000;
constexpr std::size_t kWhole = SIZE_MAX;

std::string repeat(std::string_view text, std::size_t size) {
    std::string result;
    while (result.size() < size) result += text;
    return result;
}

// Feeds `input` in pieces, all of it in one block of memory, so that nothing but the parser costs. Whether all was taken
// without an error and there was an event.
template <bine::wire::Parser P>
bool drain(P parser, std::string_view input, std::size_t piece) {
    auto event = typename P::Event{};
    std::size_t taken = 0;
    std::size_t events = 0;
    for (std::size_t come = 0; come < input.size();) {
        come += std::min(piece, input.size() - come);
        std::string_view waiting = input.substr(taken, come - taken);
        bine::wire::Step step;
        while ((step = parser.next(waiting, event)) == bine::wire::Step::event) ++events;
        if (step == bine::wire::Step::error) return false;
        taken = come - waiting.size();
    }
    return events > 0 && taken == input.size();
}

struct Case {
    std::string_view name;
    std::string (*make_input)(std::size_t size);
    bool (*parse)(const std::string& input);
};

bine::wire::Line line_parser() { return bine::wire::Line({.limit = SIZE_MAX}); }
bine::wire::Netstring netstring_parser() { return bine::wire::Netstring({.limit = SIZE_MAX}); }
bine::wire::LengthPrefixed length_prefixed_parser() { return bine::wire::LengthPrefixed({.limit = SIZE_MAX}); }

// Large enough for whatever comes here.
constexpr bine::http1::Limits kLimits{.request_line = 1 << 30,
                                      .head = 1 << 30,
                                      .fields = bine::http1::HeaderTable::kCapacity,
                                      .trailers = 1 << 30,
                                      .body = 1 << 30};

bool parse_requests(std::string_view input, std::size_t piece) {
    return drain(bine::http1::RequestParser(kLimits), input, piece);
}

std::string make_length_prefixed(std::size_t size) {
    const auto byte = [size](int shift) { return static_cast<char>(size >> shift); };
    return std::string{byte(24), byte(16), byte(8), byte(0)} + std::string(size, 'x');
}

std::string make_requests(std::size_t size) {
    Random random(1);
    std::string result;
    while (result.size() < size) result += make_request(random);
    return result;
}

std::string make_long_field(std::size_t size) {
    return "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(size, 'x') + "\r\n\r\n";
}

std::string make_fields(std::size_t size) {
    std::string result = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < 100; ++i) result += "X-" + std::to_string(i) + ": " + std::string(size / 100, 'x') + "\r\n";
    return result + "\r\n";
}

std::string make_chunked_request(std::size_t size) {
    return "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + repeat("1\r\nx\r\n", size) +
           "0\r\n\r\n";
}

constexpr Case kCases[] = {
    {"line, many", [](std::size_t size) { return repeat("some words\r\n", size); },
     [](const std::string& input) { return drain(line_parser(), input, kWhole); }},
    {"line, one, byte by byte", [](std::size_t size) { return std::string(size, 'x') + "\r\n"; },
     [](const std::string& input) { return drain(line_parser(), input, 1); }},
    {"line, almost delimiters, byte by byte", [](std::size_t size) { return std::string(size, '\r') + "\r\n"; },
     [](const std::string& input) { return drain(line_parser(), input, 1); }},
    {"netstring, many", [](std::size_t size) { return repeat("5:hello,", size); },
     [](const std::string& input) { return drain(netstring_parser(), input, kWhole); }},
    {"netstring, one, byte by byte",
     [](std::size_t size) { return std::to_string(size) + ":" + std::string(size, 'x') + ","; },
     [](const std::string& input) { return drain(netstring_parser(), input, 1); }},
    {"length-prefixed, many", [](std::size_t size) { return repeat(std::string_view("\0\0\0\2hi", 6), size); },
     [](const std::string& input) { return drain(length_prefixed_parser(), input, kWhole); }},
    {"length-prefixed, one, byte by byte", make_length_prefixed,
     [](const std::string& input) { return drain(length_prefixed_parser(), input, 1); }},
    {"http1 request, many", make_requests, [](const std::string& input) { return parse_requests(input, kWhole); }},
    {"http1 request, many, byte by byte", make_requests,
     [](const std::string& input) { return parse_requests(input, 1); }},
    {"http1 request, long field, byte by byte", make_long_field,
     [](const std::string& input) { return parse_requests(input, 1); }},
    {"http1 request, 100 fields, byte by byte", make_fields,
     [](const std::string& input) { return parse_requests(input, 1); }},
    {"http1 request, small chunks", make_chunked_request,
     [](const std::string& input) { return parse_requests(input, kWhole); }},
    {"http1 request, small chunks, byte by byte", make_chunked_request,
     [](const std::string& input) { return parse_requests(input, 1); }},
    {"http1 list", [](std::size_t size) { return repeat("a, ,\"b,\",", size); },
     [](const std::string& input) { return !bine::http1::list_has(input, "chunked"); }},
    {"http1 entity tags", [](std::size_t size) { return repeat("\"a\", ", size) + "\"z\""; },
     [](const std::string& input) {
         return bine::http1::tag_list_has(input, {.opaque = "z"}, bine::http1::TagComparison::strong);
     }},
    {"http1 path, percent-encoded", [](std::size_t size) { return "/" + repeat("%41", size); },
     [](const std::string& input) { return bine::http1::decode_path(input).has_value(); }},
    {"http1 path, down and up", [](std::size_t size) { return repeat("/a", size / 2) + repeat("/..", size / 2); },
     [](const std::string& input) { return bine::http1::decode_path(input).has_value(); }},
    {"http1 query", [](std::size_t size) { return repeat("a=%20&", size); },
     [](const std::string& input) {
         std::size_t decoded = 0;
         for (bine::http1::Query query(input); const auto item = query.next();) {
             decoded += bine::http1::Query::decode(item->value).size();
         }
         return decoded > 0;
     }},
    {"endpoint string", [](std::size_t size) { return "unix:" + repeat("\\:", size / 8); },
     [](const std::string& input) { return bine::parse_endpoint(input).has_value(); }},
};

// What the check must find: a scan that begins again with every byte. Not in the list.
constexpr Case kQuadratic{"quadratic", [](std::size_t size) { return std::string(size / 16, 'x') + "\n"; },
                          [](const std::string& input) {
                              std::size_t scans = 0;
                              for (std::size_t come = 1; come <= input.size(); ++come) {
                                  const auto part = input.substr(0, come);
                                  if (std::count(part.begin(), part.end(), '\n') == 0) ++scans;
                              }
                              return scans == input.size() - 1;
                          }};

int parse_case(const Case& one, std::size_t factor) {
    const std::string input = one.make_input(kBasicSize * factor);
    const std::function<bool()> parse = [&] { return one.parse(input); };
    bool right = false;
    parse_measured(parse, right);
    if (!right) {
        std::fprintf(stderr, "linear: the parser did not take its input\n");
        return 1;
    }
    std::printf("%zu\n", input.size());
    return 0;
}

int run(const std::vector<std::string>& arguments) {
    if (arguments.size() == 2 && arguments[1] == "list") {
        for (const Case& one : kCases) std::printf("%.*s\n", static_cast<int>(one.name.size()), one.name.data());
        return 0;
    }
    if (arguments.size() == 3) {
        const std::size_t factor = std::stoul(arguments[2]);
        if (arguments[1] == kQuadratic.name) return parse_case(kQuadratic, factor);
        for (const Case& one : kCases) {
            if (one.name == arguments[1]) return parse_case(one, factor);
        }
    }
    std::fprintf(stderr, "usage: linear list | NAME FACTOR\n");
    return 64;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run({argv, argv + argc}); }
