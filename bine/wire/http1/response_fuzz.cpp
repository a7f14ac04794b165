// Whatever the bytes and however they are cut: the same events, the same left-over, the same error; and the fields that the
// parser lets through are let through again in a request that is written with them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "bine/base/output.h"
#include "bine/wire/http1/framing.h"
#include "bine/wire/http1/request_encoder.h"
#include "bine/wire/http1/request_parser.h"
#include "bine/wire/http1/response_parser.h"
#include "bine/wire/split_input.h"

namespace {

using namespace bine::http1;
using bine::wire::Step;

std::string render_fields(HeaderList fields) {
    std::string text;
    for (const Header& header : fields) text.append(header.name).append("=").append(header.value).append(";");
    return text;
}

std::string render(const ResponseEvent& event) {
    switch (event.kind) {
        case ResponseEvent::Kind::body: return std::string(event.body);
        case ResponseEvent::Kind::end: return "|" + render_fields(event.trailers) + ">";
        default: break;
    }
    const char* const open = event.kind == ResponseEvent::Kind::head ? "<" : "(";
    return open + std::to_string(event.head.status) + std::string(event.head.reason) +
           render_fields(event.head.headers);
}

void check_round_trip(HeaderList fields) {
    std::vector<Header> sent;
    for (const Header& header : fields) {
        if (!is_framing_field(header.name)) sent.push_back(header);
    }
    bine::Output output;
    RequestEncoder encoder;
    if (!encoder.head({.host = "a", .headers = sent}, output)) std::abort();
    const std::string bytes = output.to_string();
    std::string_view input = bytes;
    const Limits limits{.head = 1 << 20, .fields = HeaderTable::kCapacity};
    RequestParser parser(limits);
    RequestEvent event;
    if (parser.next(input, event) != Step::event) {
        if (sent.size() + 1 <= HeaderTable::kCapacity) std::abort();
        return;
    }
    if (render_fields(event.head.headers) != "Host=a;" + render_fields({sent.data(), sent.size()})) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    Expected expected;
    if (data[0] % 4 == 1) expected.method = Method::head;
    if (data[0] % 4 == 2) expected.method = Method::connect;
    if (data[0] % 4 == 3) expected.upgrade = true;
    AnswerLimits limits;
    if (size % 2 == 1) limits = {.status_line = 40, .head = 200, .fields = 4, .trailers = 32, .interim = 1, .body = 40};

    const auto make = [&] {
        ResponseParser parser(limits);
        parser.expect(expected);
        return parser;
    };
    const auto say = [expected](ResponseParser& parser, const ResponseEvent& event) {
        if (event.kind == ResponseEvent::Kind::end && !parser.changes_protocol()) parser.expect(expected);
        return render(event);
    };
    bine::wire::split_input(input, make, say, {.every_cut_up_to = 128});

    std::string_view rest = input;
    ResponseParser parser = make();
    ResponseEvent event;
    while (parser.next(rest, event) == Step::event) {
        if (event.kind == ResponseEvent::Kind::head) check_round_trip(event.head.headers);
    }
    return 0;
}
