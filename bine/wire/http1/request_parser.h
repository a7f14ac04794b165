// The receiving half of an HTTP/1 server (RFC 9110, 9112), in the shape of bine/wire/protocol.h: no I/O, no bytes kept.
//
// Events of one request: one `head`, `body` pieces as they come (none for no body), one `end`, which takes the trailers.
// Then the next request, from the same input. A caller that upgrades stops after `end` (or after `head`, for CONNECT);
// what is left of the input belongs to the next protocol.
//
// Strict where requests are smuggled: no bare CR or LF, no folded line, no blank before a colon, one Host, one plain
// Content-Length, never both lengths, `chunked` alone and last, names of token characters, values without control bytes.
// Each error carries the status that answers it. A line is judged when it is complete, so errors do not depend on how
// the bytes were cut. Linear in the input, also when that comes byte by byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "bine/wire/http1/body_reader.h"
#include "bine/wire/http1/fault.h"
#include "bine/wire/http1/head_lines.h"
#include "bine/wire/http1/message.h"
#include "bine/wire/protocol.h"

namespace bine::http1 {

// Defaults of bine; a caller's own object must outlive the parsers that it is given to.
struct Limits {
    uint32_t request_line = 8192;  // bytes, line end included: 414
    uint32_t head = 32768;         // bytes of request line and fields: 431
    uint32_t fields = 100;         // header fields, and of the trailers again; at most HeaderTable::kCapacity: 431
    uint32_t trailers = 8192;      // bytes of all trailers together: 431
    uint64_t body = 1024 * 1024;   // bytes, decoded: 413. limit_body() changes it for one request
};

struct RequestEvent {
    enum class Kind : uint8_t { head, body, end };

    Kind kind = Kind::head;
    std::string_view body;  // of `body`: the next piece, never empty
    RequestHead head;       // of `head`
    HeaderList trailers;    // of `end`

    HeaderTable table;  // where the fields of `head` and `trailers` are
};

class RequestParser {
public:
    using Event = RequestEvent;

    explicit RequestParser(const Limits& limits) noexcept : limits_(&limits) {}

    wire::Step next(std::string_view& input, Event& event);
    // Errors: a request that is cut short.
    Result<> end();
    const Error& error() const noexcept { return error_of(fault_); }
    // What to answer after an error: 400, 413, 414, 417, 431, 501, 505.
    int status() const noexcept { return status_of(fault_); }

    // For the request whose head came last, before the next call of next().
    void limit_body(uint64_t most) noexcept {
        if (phase_ == Phase::begin_body) body_.limit(most);
    }
    // Its Content-Length says that it will be refused.
    bool body_is_too_long() const noexcept { return phase_ == Phase::begin_body && body_.is_too_long(); }

    // Nothing of a request has come: the connection is idle.
    bool between_requests() const noexcept { return phase_ == Phase::head && lines_.untouched(); }

private:
    enum class Phase : uint8_t { head, begin_body, body, trailers, end, failed };

    wire::Step read_head(std::string_view& input, Event& event);
    wire::Step skip_blank_line(std::string_view& input) noexcept;
    wire::Step take_head(std::string_view input, Event& event);
    wire::Step read_body(std::string_view& input, Event& event);
    wire::Step read_trailers(std::string_view& input, Event& event);
    wire::Step finish(Event& event);
    wire::Step fail(Fault fault) noexcept;
    // Of a head and of trailers, and of what is between them.
    HeadLines& begin_lines() noexcept { return *std::construct_at(&lines_); }

    const Limits* limits_;
    union {
        HeadLines lines_ = {};
        BodyReader body_;
    };
    Phase phase_ = Phase::head;
    Fault fault_ = Fault::none;
    bool skipped_blank_ = false;
};

}  // namespace bine::http1
