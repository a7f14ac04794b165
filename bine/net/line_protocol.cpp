#include "bine/net/line_protocol.h"

namespace bine {

void LineProtocol::raw_received(std::string_view, uint64_t) {}

Result<> LineProtocol::send_line(std::string_view line) {
    Output output;
    const auto sent = wire().send(line, output);
    if (sent) transport().write(std::move(output));
    return sent;
}

void LineProtocol::event_received(wire::Line::Event& event) {
    if (event.kind == wire::Line::Event::Kind::line) {
        line_received(event.bytes);
    } else {
        raw_received(event.bytes, event.left);
    }
}

}  // namespace bine
