// The receiving half of an HTTP/1 client (RFC 9110, 9112), in the shape of bine/wire/protocol.h: no I/O, no bytes kept.
//
//     parser.expect({.method = Method::get});       // what has been asked, before its answer comes
//
// Events of one answer: any number of `interim` (1xx), one `head`, `body` pieces as they come, one `end`, which takes the
// trailers. Behind a change of protocol (101, or 2xx to CONNECT) what is left of the input belongs to the next protocol.
// Bytes that come when nothing is expected are an error: they would be taken for the answer to the next request.
//
// As strict as the parser of requests, with the same lines, fields, framing and chunks; where answers are written more
// freely than the RFC has it, only a status line without the blank before an empty reason is forgiven. An answer whose
// length nothing says goes up to the end of the connection. Linear in the input, also when that comes byte by byte.
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

// A caller's own object must outlive the parsers that it is given to.
struct AnswerLimits {
    uint32_t status_line = 8192;       // bytes, line end included
    uint32_t head = 65536;             // bytes of status line and fields, of each interim answer too
    uint32_t fields = 128;             // header fields, and of the trailers again; at most HeaderTable::kCapacity
    uint32_t trailers = 8192;          // bytes of all trailers together
    uint32_t interim = 16;             // answers of 1xx before the one that counts
    uint64_t body = 64 * 1024 * 1024;  // bytes, out of their chunks. limit_body() changes it for one answer
};

// What an answer is read by.
struct Expected {
    Method method = Method::get;
    bool upgrade = false;  // the request asked for another protocol
};

struct ResponseEvent {
    enum class Kind : uint8_t { interim, head, body, end };

    Kind kind = Kind::head;
    std::string_view body;  // of `body`: the next piece, never empty
    AnswerHead head;        // of `interim` and `head`
    HeaderList trailers;    // of `end`

    HeaderTable table;  // where the fields of `head` and `trailers` are
};

class ResponseParser {
public:
    using Event = ResponseEvent;

    explicit ResponseParser(const AnswerLimits& limits) noexcept : limits_(&limits) {}

    // The next answer is to that. Only while none is expected: at first, and behind an `end`.
    void expect(Expected expected) noexcept;
    bool expects() const noexcept { return phase_ != Phase::idle; }

    wire::Step next(std::string_view& input, Event& event);
    // Errors: an answer that has not begun, or is cut short. Nothing is wrong while nothing is expected, and where the end
    // of the connection ends a body; next() then has the `end` event.
    Result<> end();
    const Error& error() const noexcept { return error_of(fault_); }
    Fault fault() const noexcept { return fault_; }

    // For the answer whose head came last, before the next call of next().
    void limit_body(uint64_t most) noexcept {
        if (phase_ == Phase::body) body_.limit(most);
    }
    // Of the answer whose head came last: another one may follow on this connection.
    bool keep_alive() const noexcept { return keep_alive_; }
    // Of the same: the connection belongs to another protocol behind it.
    bool changes_protocol() const noexcept { return changes_protocol_; }
    // Not a byte has come of the answer that is expected.
    bool untouched() const noexcept { return phase_ == Phase::head && interim_ == 0 && lines_.untouched(); }

private:
    enum class Phase : uint8_t { idle, head, body, trailers, end, failed };

    wire::Step read_head(std::string_view& input, Event& event);
    wire::Step take_head(std::string_view input, Event& event);
    wire::Step judge_interim(Event& event);
    wire::Step choose_body(const AnswerHead& head);
    wire::Step read_body(std::string_view& input, Event& event);
    wire::Step read_trailers(std::string_view& input, Event& event);
    wire::Step finish(Event& event);
    wire::Step fail(Fault fault) noexcept;
    // Of a head and of trailers, and of what is between them.
    HeadLines& begin_lines() noexcept { return *std::construct_at(&lines_); }

    const AnswerLimits* limits_;
    union {
        HeadLines lines_ = {};
        BodyReader body_;
    };
    Expected expected_{};
    uint32_t interim_ = 0;
    Phase phase_ = Phase::idle;
    Fault fault_ = Fault::none;
    bool keep_alive_ = true;
    bool changes_protocol_ = false;
};

}  // namespace bine::http1
