// Theory: the head is taken line by line. All lines that are complete are judged, and noted in the event's table, in one
// pass; when the head is not complete, only the place of the first incomplete line stays behind. The call that brings
// the end of the head judges the lines that are new, and then, because the table of the earlier call is gone, goes
// through the head once more. So a head that comes in one piece is looked at once, any other twice.
//
// What a line says is judged when its line end is there (a fault found in an unfinished line waits for it), and what the
// fields mean together at the end of the head. A limit is judged as soon as a byte beyond it is there, and goes first.
#include "bine/wire/http1/request_parser.h"

#include <algorithm>
#include <cstring>

#include "bine/base/text.h"
#include "bine/wire/http1/field_line.h"
#include "bine/wire/http1/framing.h"
#include "bine/wire/http1/lines.h"
#include "bine/wire/http1/plain_fields.h"

namespace bine::http1 {

using wire::Step;

Step RequestParser::next(std::string_view& input, Event& event) {
    switch (phase_) {
        case Phase::head: return read_head(input, event);
        case Phase::begin_body:
            if (begin_body() == Step::error) return Step::error;
            return chunked_ ? read_chunks(input, event) : read_body(input, event);
        case Phase::body: return read_body(input, event);
        case Phase::chunks: return read_chunks(input, event);
        case Phase::trailers: return read_trailers(input, event);
        case Phase::end: event.table.clear(); return finish(event);
        case Phase::failed: break;
    }
    return Step::error;
}

Result<> RequestParser::end() {
    if (phase_ != Phase::failed && !between_requests()) fail(Fault::cut_short);
    if (phase_ == Phase::failed) return std::unexpected(error());
    return {};
}

Step RequestParser::fail(Fault fault) noexcept {
    fault_ = fault;
    phase_ = Phase::failed;
    return Step::error;
}

// One empty line before a request is forgiven (RFC 9112 section 2.2); the first byte tells a stranger (TLS, say) at once.
Step RequestParser::skip_blank_line(std::string_view& input) noexcept {
    if (input.front() == '\r' && !skipped_blank_) {
        if (input.size() == 1) {
            lines_.scanned = 1;
            return Step::need_more;
        }
        if (input[1] != '\n') return fail(Fault::bad_line_end);
        input.remove_prefix(2);
        lines_.scanned = 0;
        skipped_blank_ = true;
        if (input.empty()) return Step::need_more;
    }
    return is(kToken, input.front()) ? Step::event : fail(Fault::bad_method);
}

Step RequestParser::read_head(std::string_view& input, Event& event) {
    if (lines_.line_start == 0) {
        if (input.empty()) return Step::need_more;
        if (const Step step = skip_blank_line(input); step != Step::event) return step;
    }
    const bool resumed = lines_.line_start != 0;
    if (const Step step = take_head(input, event); step != Step::event) return step;
    if (resumed) {
        rewind();
        if (const Step step = take_head(input, event); step != Step::event) return step;
    }
    event.head.headers = event.table.list();
    const Fault fault = check_framing(event.head);
    if (fault != Fault::none) return fail(fault);

    input.remove_prefix(lines_.line_start);
    rewind();
    event.kind = Event::Kind::head;
    phase_ = event.head.has_body() ? Phase::begin_body : Phase::end;
    if (phase_ == Phase::end) return Step::event;
    chunked_ = event.head.chunked;
    remaining_ = event.head.content_length;
    body_left_to_limit_ = limits_->body;
    return Step::event;
}

void RequestParser::rewind() noexcept {
    lines_ = {};
    fields_ = 0;
}

Step RequestParser::take_head(std::string_view input, Event& event) {
    event.table.clear();
    const uint32_t line_limit = std::min(limits_->request_line, limits_->head);
    if (lines_.line_start == 0) {
        if (!line_may_be_complete(input)) return wait_for_line(input, line_limit, Fault::long_request_line);
        const char* at = input.data();
        Fault fault = Fault::none;
        const Line line = take_request_line(at, input.data() + input.size(), event.head, fault);
        if (line != Line::taken) return stop_at(line, fault, input, line_limit, Fault::long_request_line);
        lines_.line_start = static_cast<uint32_t>(at - input.data());
        if (lines_.line_start > line_limit) return fail(Fault::long_request_line);
        lines_.scanned = lines_.line_start;
    }
    return take_fields(input, event.table, limits_->head, Fault::long_head);
}

// Whether a look at the line is worth it. A line that is seen for the first time always is.
bool RequestParser::line_may_be_complete(std::string_view input) const noexcept {
    if (lines_.scanned == lines_.line_start) return true;
    return std::memchr(input.data() + lines_.scanned, '\n', input.size() - lines_.scanned) != nullptr;
}

Step RequestParser::take_fields(std::string_view input, HeaderTable& table, uint32_t limit, Fault too_long) {
    if (!line_may_be_complete(input)) return wait_for_line(input, limit, too_long);
    const std::size_t most = std::min<std::size_t>(limits_->fields, HeaderTable::kCapacity) - fields_;
    const char* const start = input.data();
    const char* const end = start + input.size();
    const char* const last = start + std::min<std::size_t>(limit, input.size());
    const char* at = start + lines_.line_start;
    Header* const first = table.next();
    Header* field = first;
    Line line = Line::incomplete;
    Fault fault = Fault::none;
    while (true) {
        field += take_plain_fields(at, end, {field, first + most});
        if (at > last) return fail(too_long);
        if (at == end) break;
        line = *at == '\r' ? take_empty_line(at, end, fault) : take_field(at, end, *field, fault);
        if (at > last) return fail(too_long);
        if (line != Line::taken) break;
        if (field == first + most) return fail(Fault::many_fields);
        ++field;
        line = Line::incomplete;
    }
    const auto taken = static_cast<std::size_t>(field - first);
    table.take(taken);
    fields_ = static_cast<uint16_t>(fields_ + taken);
    lines_.line_start = static_cast<uint32_t>(at - start);
    if (line == Line::empty) return Step::event;
    return stop_at(line, fault, input, limit, too_long);
}

// No end yet of the line at lines_.line_start.
Step RequestParser::wait_for_line(std::string_view input, uint32_t limit, Fault too_long) noexcept {
    if (input.size() > limit) return fail(too_long);
    lines_.scanned = static_cast<uint32_t>(input.size());
    return Step::need_more;
}

Step RequestParser::stop_at(Line line, Fault fault, std::string_view input, uint32_t limit, Fault too_long) noexcept {
    if (line == Line::bad) {
        const std::string_view rest = input.substr(lines_.line_start);
        const std::size_t length = rest.find('\n');
        if (length != std::string_view::npos) return fail(lines_.line_start + length + 1 > limit ? too_long : fault);
    }
    return wait_for_line(input, limit, too_long);
}

Step RequestParser::begin_body() {
    if (chunked_) {
        chunks_ = ChunkedDecoder();
        phase_ = Phase::chunks;
        return Step::event;
    }
    if (remaining_ > body_left_to_limit_) return fail(Fault::long_body);
    phase_ = Phase::body;
    return Step::event;
}

Step RequestParser::read_body(std::string_view& input, Event& event) {
    if (input.empty()) return Step::need_more;
    event.kind = Event::Kind::body;
    event.body = input.substr(0, remaining_);
    input.remove_prefix(event.body.size());
    remaining_ -= event.body.size();
    if (remaining_ == 0) phase_ = Phase::end;
    return Step::event;
}

Step RequestParser::read_chunks(std::string_view& input, Event& event) {
    ChunkedDecoder::Event chunk;
    const Step step = chunks_.next(input, chunk);
    if (step == Step::error) return fail(chunks_.fault());
    // A chunk that is too much is refused when its size is known, before any of it is handed out.
    const std::size_t taken = step == Step::event ? chunk.data.size() : 0;
    if (taken + chunks_.remaining() > body_left_to_limit_) return fail(Fault::long_body);
    if (step == Step::need_more) return step;
    if (chunk.data.empty()) {
        rewind();
        phase_ = Phase::trailers;
        return read_trailers(input, event);
    }
    body_left_to_limit_ -= taken;
    event.kind = Event::Kind::body;
    event.body = chunk.data;
    return Step::event;
}

Step RequestParser::read_trailers(std::string_view& input, Event& event) {
    if (input.empty()) return Step::need_more;
    const bool resumed = lines_.line_start != 0;
    event.table.clear();
    if (const Step step = take_fields(input, event.table, limits_->trailers, Fault::long_trailers);
        step != Step::event) {
        return step;
    }
    if (resumed) {
        rewind();
        event.table.clear();
        take_fields(input, event.table, limits_->trailers, Fault::long_trailers);
    }
    for (const Header& header : event.table.list()) {
        if (is_framing_field(header.name)) return fail(Fault::forbidden_trailer);
    }
    input.remove_prefix(lines_.line_start);
    return finish(event);
}

Step RequestParser::finish(Event& event) {
    rewind();
    phase_ = Phase::head;
    skipped_blank_ = false;
    event.kind = Event::Kind::end;
    event.trailers = event.table.list();
    return Step::event;
}

}  // namespace bine::http1
