// Whatever the bytes and however they are cut: the same events, the same left-over, the same error; and what the parser
// lets through, written anew, is let through again and says the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/base/output.h"
#include "bine/base/text.h"
#include "bine/wire/http1/lines.h"
#include "bine/wire/http1/request_parser.h"
#include "bine/wire/http1/response_encoder.h"
#include "bine/wire/split_input.h"

namespace {

using namespace bine::http1;
using bine::wire::Step;

std::string render(const RequestEvent& event) {
    if (event.kind == RequestEvent::Kind::body) return std::string(event.body);
    std::string text = event.kind == RequestEvent::Kind::head ? "<" : "|";
    if (event.kind == RequestEvent::Kind::head) {
        text.append(event.head.method_name)
            .append(" ")
            .append(event.head.target)
            .append(" ")
            .append(event.head.authority);
    }
    for (const Header& header : event.kind == RequestEvent::Kind::head ? event.head.headers : event.trailers) {
        text.append(header.name).append("=").append(header.value).append(";");
    }
    return text + ">";
}

// The fields of an accepted request go out as those of a response; as those of a request they must come back the same.
void check_round_trip(const RequestHead& head, const Limits& limits) {
    bine::Output output;
    output.append("GET / HTTP/1.1\r\nHost: a\r\n");
    std::string expected = "Host=a;";
    for (const Header& header : head.headers) {
        if (!is_sendable(header.name, header.value)) std::abort();
        const std::string line = std::string(header.name) + ": " + std::string(header.value) + "\r\n";
        const ResponseHead response{.length = 0, .headers = {&header, 1}};
        bine::Output written;
        if (!ResponseEncoder(head).head(response, written).has_value()) continue;
        if (written.to_string().find(line) == std::string::npos) std::abort();
        if (bine::equals_ignoring_case(header.name, "expect") || bine::equals_ignoring_case(header.name, "host"))
            continue;
        output.append(line);
        expected.append(header.name).append("=").append(header.value).append(";");
    }
    output.append("\r\n");
    const std::string again = output.to_string();
    std::string_view input = again;
    RequestParser parser(limits);
    RequestEvent event;
    if (parser.next(input, event) != Step::event) {
        if (parser.status() != 431) std::abort();
        return;
    }
    std::string seen;
    for (const Header& header : event.head.headers)
        seen.append(header.name).append("=").append(header.value).append(";");
    if (seen != expected) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    Limits limits;
    if (size % 2 == 1) limits = {.request_line = 64, .head = 200, .fields = 4, .trailers = 32, .body = 40};
    bine::wire::split_input(input, [&limits] { return RequestParser(limits); }, render, {.every_cut_up_to = 128});

    std::string_view rest = input;
    RequestParser parser(limits);
    RequestEvent event;
    while (parser.next(rest, event) == Step::event) {
        if (event.kind == RequestEvent::Kind::head) check_round_trip(event.head, limits);
    }
    return 0;
}
