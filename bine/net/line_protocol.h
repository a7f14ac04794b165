// A connection that speaks in lines, after Twisted's LineReceiver.
#pragma once

#include "bine/net/wire_protocol.h"
#include "bine/wire/line.h"

namespace bine {

// Derive and implement line_received(). A line over the limit aborts the connection with limit_exceeded.
class LineProtocol : public WireProtocol<wire::Line> {
public:
    explicit LineProtocol(wire::Line::Options options = wire::Line::Options())
        : WireProtocol<wire::Line>(wire::Line(options)) {}

protected:
    // Without its delimiter.
    virtual void line_received(std::string_view line) = 0;
    // Only after take_raw().
    virtual void raw_received(std::string_view bytes, uint64_t left);

    // Errors: local_protocol when the line holds the delimiter; nothing is sent then.
    Result<> send_line(std::string_view line);
    // The next `count` bytes come as raw_received, then lines again.
    void take_raw(uint64_t count) noexcept { wire().take(count); }

private:
    void event_received(wire::Line::Event& event) final;
};

}  // namespace bine
